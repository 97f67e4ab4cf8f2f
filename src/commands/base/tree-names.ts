/** Names of files here that cannot be names in a tree: control characters and `\`. The bytes of such a file count like any other's. */
import type { LocalFile } from '../../core/client/client.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const odd = /[\u0000-\u001f\u007f\\]/g

export function isOdd(path: string): boolean {
  return path.search(odd) !== -1
}

export function cleaned(name: string): string {
  return name.replace(odd, '_')
}

/** The same files under names that a tree takes, each still its own: where two would meet, the odd one gets a number in front. */
export function withTreeNames(files: readonly LocalFile[]): readonly LocalFile[] {
  if (!files.some(({ path }) => isOdd(path))) return files
  const renamed = new Map([['', '']])
  const taken = new Set<string>()
  for (const path of inOrder(files.map(({ path }) => path))) {
    const folder = renamed.get(path.slice(0, Math.max(0, path.lastIndexOf('/')))) ?? ''
    const name = cleaned(path.slice(path.lastIndexOf('/') + 1))
    const at = (number: number) => `${folder === '' ? '' : `${folder}/`}${number === 1 ? name : `${number}-${name}`}`
    let number = 1
    while (taken.has(at(number))) number++
    taken.add(at(number))
    renamed.set(path, at(number))
  }
  return files.map(({ path, file }) => ({ path: renamed.get(path) ?? path, file }))
}

/** All files and the folders above them: a folder before what lies in it, names that stay as they are before odd ones. */
function inOrder(paths: readonly string[]): string[] {
  const all = new Set(paths.flatMap((path) => path.split('/').map((_, at, names) => names.slice(0, at + 1).join('/'))))
  const depth = (path: string) => path.split('/').length
  const last = (path: string) => Number(isOdd(path.slice(path.lastIndexOf('/') + 1)))
  return [...all].sort((a, b) => depth(a) - depth(b) || last(a) - last(b))
}
