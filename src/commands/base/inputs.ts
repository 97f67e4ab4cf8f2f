/**
 * What INPUT arguments name: files, folders, globs, `-`, pipes and addresses. They become one artifact in the store; the agent
 * reads files itself, so their bytes do not pass through this process.
 */
import { createReadStream, existsSync, fstatSync, type Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import type { Address } from '../../core/cids.ts'
import type { Artifact } from '../../core/client/api.ts'
import type { AddOptions, Client, LocalFile } from '../../core/client/client.ts'
import { IpdcError, wrap } from '../../core/errors.ts'
import { readAddress, refuseOther } from './address.ts'
import { filesBelow } from './folder.ts'
import { baseOf, isGlob, matching } from './glob.ts'
import { nearest } from './nearest.ts'
import { cleaned, isOdd, withTreeNames } from './tree-names.ts'

/** Files among which the nearest to a pattern is looked for, at most. @default 10_000 */
const maxNear = 10_000

export type Input =
  /** Files by their names within the whole. */
  | { readonly is: 'files'; readonly files: readonly LocalFile[] }
  | { readonly is: 'stream'; readonly name: string; readonly content: AsyncIterable<Uint8Array> }
  | { readonly is: 'address'; readonly name: string; readonly address: Address }

/** @throws NO_INPUT for what does not exist or has no end */
export async function readInputs(names: readonly string[]): Promise<Input[]> {
  const taken = new Set<string>()
  const inputs: Input[] = []
  for (const name of names) inputs.push(await readInput(name, (wanted) => unique(wanted, taken)))
  return inputs
}

/** Standard input, where something is connected to it: a pipe or a file, not a terminal. */
export function pipedInput(): Input | undefined {
  try {
    const stats = fstatSync(0)
    return stats.isFIFO() || stats.isFile() || stats.isSocket() ? standardInput('stdin') : undefined
  } catch {
    // It was closed.
    return undefined
  }
}

/** All inputs as one directory; one stream or one address alone is itself. Odd names of files are made plain: their bytes are what counts. */
export async function addInputs(client: Client, inputs: readonly Input[], options: AddOptions = {}): Promise<Artifact> {
  const files = withTreeNames(filesOf(inputs))
  const others: Artifact[] = []
  for (const input of inputs) {
    if (input.is === 'stream') others.push(await client.addFile(input.content, { ...options, name: input.name }))
    else if (input.is === 'address') others.push({ ...(await client.stat(input.address)), name: input.name })
  }
  const [only, ...more] = others
  if (only === undefined) return client.addPaths(files, options)
  if (more.length === 0 && files.length === 0) return only
  const local = files.length === 0 ? [] : [{ ...(await client.addPaths(files, options)), name: 'files' }]
  return client.link([...local, ...others], options)
}

/** Into the store for good: one file as itself, one folder as the directory it is, several as one directory. @throws NO_INPUT; BAD_PATH for a name that a directory cannot have */
export async function addKept(client: Client, names: readonly string[]): Promise<Artifact> {
  const inputs = await readInputs(names)
  const [only, ...more] = inputs
  if (only?.is !== 'files' || more.length > 0) {
    refuseOdd(filesOf(inputs))
    return addInputs(client, inputs, { keep: true })
  }
  const [file, ...others] = only.files
  const alone = file !== undefined && others.length === 0 && !file.path.includes('/')
  const files = alone ? only.files : only.files.map(({ path, file }) => ({ path: path.slice(path.indexOf('/') + 1), file }))
  refuseOdd(files)
  if (alone) return client.addFile(createReadStream(file.file), { keep: true, name: file.path })
  return { ...(await client.addPaths(files, { keep: true })), name: basename(names[0] ?? '') }
}

function filesOf(inputs: readonly Input[]): LocalFile[] {
  return inputs.flatMap((input) => (input.is === 'files' ? input.files : []))
}

/** Whoever keeps files wants them back under their names. */
function refuseOdd(files: readonly LocalFile[]): void {
  const odd = files.find(({ path }) => isOdd(path))
  if (odd === undefined) return
  const message = `A file of the store cannot have a name with control characters or a backslash: ${JSON.stringify(odd.file)}`
  throw new IpdcError('BAD_PATH', { message, hint: 'Rename it, or give its bytes alone: ipdc store add - < FILE' })
}

async function readInput(text: string, named: (wanted: string) => string): Promise<Input> {
  if (text === '-') return standardInput(named('stdin'))
  const stats = await stat(text).catch(() => undefined)
  if (stats !== undefined) return readPath(text, stats, named)
  const address = readAddress(text)
  if (address !== undefined) return { is: 'address', name: named(basename(address)), address }
  refuseOther(text)
  if (isGlob(text)) return readGlob(text, named)
  throw await missing(text)
}

async function readPath(path: string, stats: Stats, named: (wanted: string) => string): Promise<Input> {
  // `ipdc … <(zcat book.gz)`: a pipe has a name and an end. A device has no end.
  if (stats.isFIFO()) return { is: 'stream', name: named(cleaned(basename(path))), content: createReadStream(path) }
  const name = basename(resolve(path)) || 'root'
  if (stats.isFile()) return { is: 'files', files: [{ path: named(name), file: resolve(path) }] }
  if (!stats.isDirectory())
    throw new IpdcError('NO_INPUT', { message: `${path} is neither a file nor a folder nor a pipe`, hint: 'Pipe its bytes in: … | ipdc … -' })
  const files: LocalFile[] = []
  const folder = named(name)
  for await (const below of filesBelow(path)) files.push({ path: `${folder}/${below}`, file: resolve(path, below) })
  return { is: 'files', files }
}

async function readGlob(pattern: string, named: (wanted: string) => string): Promise<Input> {
  const base = baseOf(pattern)
  if (base !== '' && !existsSync(base)) throw await missing(base)
  const files: LocalFile[] = []
  // One folder for all that matched, so that two globs do not meet.
  const folder = named(basename(resolve(base)) || 'root')
  for await (const path of matching(pattern)) files.push({ path: `${folder}/${path}`, file: resolve(base, path) })
  if (files.length === 0) throw await nothingMatches(pattern, base)
  return { is: 'files', files }
}

function standardInput(name: string): Input {
  return { is: 'stream', name, content: process.stdin }
}

async function missing(path: string): Promise<IpdcError> {
  const first = firstMissing(path)
  const folder = dirname(first)
  const message = `No file or folder ${path}${first === path ? '' : `: there is no ${first}`}`
  const names = await readdir(folder).catch((error: unknown) => wrap(error, 'NO_INPUT', `Cannot read ${folder}`))
  if (names instanceof IpdcError) return new IpdcError('NO_INPUT', { message, cause: names })
  const near = nearest(basename(first), names)
  if (near === undefined) return new IpdcError('NO_INPUT', { message })
  const whole = join(folder, near, relative(first, path))
  return new IpdcError('NO_INPUT', { message, hint: existsSync(whole) ? whole : join(folder, near) })
}

/** The part of a path where it leaves what there is. */
function firstMissing(path: string): string {
  const above = dirname(path)
  return above === path || existsSync(above) ? path : firstMissing(above)
}

async function nothingMatches(pattern: string, base: string): Promise<IpdcError> {
  const names: string[] = []
  for await (const path of filesBelow(base || '.')) if (names.push(join(base, path)) >= maxNear) break
  return new IpdcError('NO_INPUT', { message: `No file matches ${pattern}`, hint: nearest(pattern, names) })
}

/** Two inputs may have the same name: the later one gets a number in front. */
function unique(wanted: string, taken: Set<string>): string {
  let name = wanted
  for (let number = 2; taken.has(name); number++) name = `${number}-${wanted}`
  taken.add(name)
  return name
}
