/**
 * Reading a DAG through any source of blocks: a path to what it names, a file's bytes, a directory's entries. Only the blocks that
 * are needed are asked for. Nothing that a block says about others is believed before these have been seen.
 */
import { type Address, type Cid, rootOf } from '../cids.ts'
import { IpdcError } from '../errors.ts'
import type { Entry } from '../kind.ts'
import { cleanName, cleanPath, maxPathDepth } from '../names.ts'
import { codecOf } from './cid.ts'
import { leafBytes } from './file.ts'
import { murmur64 } from './murmur.ts'
import { decodeNode, type Link, type Node } from './node.ts'
import { inOrder } from './order.ts'
import { breathe } from './turn.ts'

/** Where blocks come from. `chain` = the named CIDs from the address's root down to the one that the block belongs to. */
export type BlockSource = (cid: Cid, chain: readonly Cid[]) => Promise<Uint8Array>

/** What an address leads to. `chain` ends with `cid`. */
export interface Resolved {
  readonly cid: Cid
  readonly name: string
  readonly chain: readonly Cid[]
}

/** Levels of nodes above the leaves of one file, at most: 1024^8 MiB are enough. */
const maxFileDepth = 8
const maxShardDepth = 8

/** @throws NOT_FOUND, BAD_PATH, BAD_DATA and what the source throws */
export async function resolve(source: BlockSource, address: Address): Promise<Resolved> {
  const root = rootOf(address)
  if (root === undefined) throw new IpdcError('BAD_DATA', { message: `Not an address: ${JSON.stringify(address.slice(0, 200))}` })
  let found: Resolved = { cid: root, name: root, chain: [root] }
  for (const name of cleanPath(address.slice(root.length + 1))) {
    const link = await childOf(source, found, name)
    if (link === undefined) throw new IpdcError('NOT_FOUND', { message: `There is no ${JSON.stringify(name)} in ${found.cid} (of ${address})` })
    found = { cid: link.cid, name, chain: [...found.chain, link.cid] }
  }
  return found
}

async function childOf(source: BlockSource, { cid, chain }: Resolved, name: string): Promise<Link | undefined> {
  let node = await nodeOf(source, cid, chain)
  if (node?.is === 'directory') return node.links.find((link) => link.name === name)
  const hash = murmur64(Buffer.from(name))
  for (let level = 0; node?.is === 'shard' && level < maxShardDepth; level++) {
    const prefix = (hash[level] ?? 0).toString(16).toUpperCase().padStart(2, '0')
    const link = node.links.find((link) => link.name === prefix || link.name === prefix + name)
    if (link === undefined) return undefined
    if (link.name.length > 2) return { ...link, name }
    node = await nodeOf(source, link.cid, chain)
  }
  return undefined
}

/** Undefined for a raw block: bytes of a file. */
async function nodeOf(source: BlockSource, cid: Cid, chain: readonly Cid[]): Promise<Node | undefined> {
  if (codecOf(cid) === 'raw') return undefined
  return decodeNode(await source(cid, chain))
}

export interface ReadFile {
  readonly offset?: number | undefined
  readonly length?: number | undefined
  /** How many leaves to ask for before they are needed. @default 2 */
  readonly ahead?: () => number
}

/** Bytes of a file from `offset` on, in chunks of at most 1 MiB. */
export async function* readFile(
  source: BlockSource,
  file: Resolved,
  { offset = 0, length = Number.POSITIVE_INFINITY, ahead = () => 2 }: ReadFile = {},
): AsyncGenerator<Uint8Array> {
  const range = { from: offset, to: offset + length }
  if (length <= 0) return
  const pieces = piecesOf(source, file, range)
  const coming: { readonly start: number; readonly bytes: Promise<Uint8Array> }[] = []
  let more = true
  for (;;) {
    while (more && coming.length < ahead()) {
      const next = await pieces.next()
      if (next.done === true) more = false
      else coming.push({ start: next.value.start, bytes: next.value.read() })
    }
    const piece = coming.shift()
    if (piece === undefined) return
    const bytes = await piece.bytes
    const [from, to] = [Math.max(0, range.from - piece.start), Math.min(bytes.length, range.to - piece.start)]
    for (let at = from; at < to; at += leafBytes) yield bytes.subarray(at, Math.min(at + leafBytes, to))
  }
}

interface Piece {
  /** Where its bytes stand in the file. */
  readonly start: number
  read(): Promise<Uint8Array>
}

/** The leaves that touch a range, in order. Each node above them is read when its turn comes. */
async function* piecesOf(
  source: BlockSource,
  { cid, chain }: Resolved,
  range: { readonly from: number; readonly to: number },
  start = 0,
  size?: number,
  depth = 0,
): AsyncGenerator<Piece> {
  if (codecOf(cid) === 'raw') {
    const read = async () => {
      const bytes = await source(cid, chain)
      if (size !== undefined && bytes.length !== size) throw wrongSize(cid)
      return bytes
    }
    yield { start, read: () => quiet(read()) }
    return
  }
  const node = decodeNode(await source(cid, chain))
  if (node.is !== 'file') throw new IpdcError('BAD_DATA', { message: `${cid} is a directory, not a file`, hint: 'Name a file below it' })
  if (depth === maxFileDepth) throw new IpdcError('BAD_DATA', { message: `${cid} is nested deeper than a file can be` })
  if (size !== undefined && node.size !== size) throw wrongSize(cid)
  if (node.data.length > 0) yield { start, read: async () => node.data }
  let at = start + node.data.length
  for (const [i, link] of node.links.entries()) {
    const partSize = node.sizes[i] ?? 0
    if (at + partSize > range.from && at < range.to) yield* piecesOf(source, { cid: link.cid, name: '', chain }, range, at, partSize, depth + 1)
    at += partSize
  }
}

/** A promise that nobody may wait for any more is not to end the process. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/** The entries' links in order of name bytes. @throws BAD_DATA: not a directory, BAD_PATH: a name that is none */
export async function linksOf(source: BlockSource, { cid, chain }: Resolved): Promise<Link[]> {
  const links: Link[] = []
  async function collect(node: Node | undefined, level: number): Promise<void> {
    if (node === undefined || node.is === 'file') throw new IpdcError('BAD_DATA', { message: `${cid} is a file, not a directory` })
    if (level > maxShardDepth) throw new IpdcError('BAD_DATA', { message: `${cid} is nested deeper than a directory can be` })
    for (const link of node.links) {
      if (node.is === 'directory') links.push({ ...link, name: cleanName(link.name) })
      else if (link.name.length > 2) links.push({ ...link, name: cleanName(link.name.slice(2)) })
      else await collect(await nodeOf(source, link.cid, chain), level + 1)
    }
  }
  await collect(await nodeOf(source, cid, chain), 0)
  return inOrder(links)
}

/** Length of a raw block that can be had without reading it. */
export type LengthOf = (cid: Cid) => number | undefined | Promise<number | undefined>

/** Entries of a directory that are looked at side by side. */
const entriesAtOnce = 8
/** Entries that are looked at between two turns of the event loop. */
const turnEntries = 256

/** In order of name bytes. */
export async function* entriesOf(source: BlockSource, directory: Resolved, lengthOf: LengthOf): AsyncGenerator<Entry> {
  const sizes = new Map<Cid, number>()
  const coming: Promise<Entry>[] = []
  for (const [i, link] of (await linksOf(source, directory)).entries()) {
    if (i % turnEntries === turnEntries - 1) await breathe()
    coming.push(quiet(childEntry(source, directory, link, lengthOf, sizes)))
    if (coming.length < entriesAtOnce) continue
    const next = await coming.shift()
    if (next !== undefined) yield next
  }
  for (const next of coming) yield await next
}

/** The size of a raw child that is not here is what its directory says: our own directories say it as it is. */
function childEntry(source: BlockSource, { chain }: Resolved, { cid, name, tsize }: Link, lengthOf: LengthOf, sizes: Map<Cid, number>): Promise<Entry> {
  return entryOf(source, { cid, name, chain: [...chain, cid] }, async (leaf) => (await lengthOf(leaf)) ?? (leaf === cid ? tsize : undefined), sizes)
}

/** What a CID is. The size of a directory is that of all files below it, which takes all directories below it to know. */
export async function entryOf(source: BlockSource, { cid, name, chain }: Resolved, lengthOf: LengthOf, sizes: Map<Cid, number> = new Map()): Promise<Entry> {
  if (codecOf(cid) === 'raw') return { name, cid, type: 'file', size: (await lengthOf(cid)) ?? (await source(cid, chain)).length }
  const node = decodeNode(await source(cid, chain))
  if (node.is === 'file') return { name, cid, type: 'file', size: node.size }
  const known = sizes.get(cid)
  if (known !== undefined) return { name, cid, type: 'directory', size: known }
  if (chain.length > maxPathDepth) throw new IpdcError('BAD_DATA', { message: `${chain[0]} is nested deeper than ${maxPathDepth} directories` })
  let size = 0
  for (const [i, link] of (await linksOf(source, { cid, name, chain })).entries()) {
    if (i % turnEntries === turnEntries - 1) await breathe()
    size += (await childEntry(source, { cid, name, chain }, link, lengthOf, sizes)).size
  }
  sizes.set(cid, size)
  return { name, cid, type: 'directory', size }
}

function wrongSize(cid: Cid): IpdcError {
  return new IpdcError('BAD_DATA', { message: `${cid} is not as long as the file it belongs to says`, cid })
}
