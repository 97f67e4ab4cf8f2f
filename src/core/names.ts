/**
 * Names of files, as they come from a tree, a DAG or a job. A name that is usable here names one thing inside one folder on every
 * system: so no name leads out of the folder it is joined to, and what was written can be read again.
 */
import { IpdcError } from './errors.ts'

/** A name's UTF-8 bytes, at most: what common file systems take. @default 255 (bytes) */
export const maxNameBytes = 255
/** Names within each other, at most. */
export const maxPathDepth = 64

// Control characters would reach a terminal or break a line of output; `\` is a separator elsewhere.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const forbidden = /[\u0000-\u001f\u007f/\\]/

/** One component of a path, as it is. @throws BAD_PATH */
export function cleanName(name: string): string {
  if (name === '' || name === '.' || name === '..' || forbidden.test(name) || !name.isWellFormed() || Buffer.byteLength(name) > maxNameBytes) {
    throw new IpdcError('BAD_PATH', { message: `Not a usable file name: ${JSON.stringify(name.slice(0, 300))}` })
  }
  return name
}

/** The components of a relative path. Empty ones and `.` mean nothing and are left out. @throws BAD_PATH for `..`, absolute or too deep paths */
export function cleanPath(path: string): string[] {
  if (path.startsWith('/')) throw new IpdcError('BAD_PATH', { message: `Not a relative path: ${JSON.stringify(path.slice(0, 300))}` })
  const names = path
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .map(cleanName)
  if (names.length > maxPathDepth) throw new IpdcError('BAD_PATH', { message: `A path of ${names.length} names (at most ${maxPathDepth})` })
  return names
}
