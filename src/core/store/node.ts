/**
 * Blocks that link to others: UnixFS files and directories in dag-pb, as profile `unixfs-v1-2025` (IPIP-499) writes them. No mode
 * and no time is ever written: they would change the CID. Read strictly: what is not understood is refused.
 */
import type { Cid } from '../cids.ts'
import { IpdcError } from '../errors.ts'
import { cidBytes, cidLength, cidOf, readCid } from './cid.ts'
import { bytesField, type Field, numberField, readFields, varintLength } from './protobuf.ts'

export interface Link {
  /** Empty within a file; with a two-digit prefix within a shard. */
  readonly name: string
  readonly cid: Cid
  /** Bytes of all blocks below, as whoever made the link says: never relied upon. */
  readonly tsize: number
}

export type Node =
  /** `sizes[i]` = bytes of content below `links[i]`; `data` comes before them. */
  | { readonly is: 'file'; readonly size: number; readonly data: Uint8Array; readonly sizes: readonly number[]; readonly links: readonly Link[] }
  | { readonly is: 'directory'; readonly links: readonly Link[] }
  /** A directory that is a hash trie (HAMT) of `fanout` 256. */
  | { readonly is: 'shard'; readonly links: readonly Link[] }

/** Multihash code of murmur3-x64-64, by which names go into shards. */
const murmur = 0x22
export const fanout = 256
const type = { raw: 0, directory: 1, file: 2, shard: 5 } as const
const none = new Uint8Array(0)
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function encodeFile(links: readonly Link[], sizes: readonly number[]): Uint8Array {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  return encode(links, [numberField(1, type.file), numberField(3, total), ...sizes.map((size) => numberField(4, size))])
}

/** `links` are in order of name bytes. */
export function encodeDirectory(links: readonly Link[]): Uint8Array {
  return encode(links, [numberField(1, type.directory)])
}

/** Bytes that a link adds to a block: by their sum a directory becomes a trie. */
export function linkLength(link: Link): number {
  const name = Buffer.byteLength(link.name)
  const inner = 2 + cidLength + 1 + varintLength(name) + name + 1 + varintLength(link.tsize)
  return 1 + varintLength(inner) + inner
}

/** `bits` = one bit a child, the first child last. */
export function encodeShard(links: readonly Link[], bits: Uint8Array): Uint8Array {
  return encode(links, [numberField(1, type.shard), bytesField(2, bits), numberField(5, murmur), numberField(6, fanout)])
}

/** @throws BAD_DATA */
export function decodeNode(bytes: Uint8Array): Node {
  const links: Link[] = []
  let data: Uint8Array | undefined
  for (const field of readFields(bytes)) {
    if (field.is === 'bytes' && field.id === 2) links.push(readLink(field.bytes))
    else if (field.is === 'bytes' && field.id === 1 && data === undefined) data = field.bytes
    else throw bad(`field ${field.id}`)
  }
  if (data === undefined) throw bad('no UnixFS data')
  return readUnixFs(readFields(data), links)
}

function encode(links: readonly Link[], data: readonly Uint8Array[]): Uint8Array {
  // dag-pb writes the links before the data, against the field numbers.
  return Buffer.concat([...links.map((link) => bytesField(2, encodeLink(link))), bytesField(1, Buffer.concat(data))])
}

function encodeLink({ cid, name, tsize }: Link): Uint8Array {
  return Buffer.concat([bytesField(1, cidBytes(cid)), bytesField(2, encoder.encode(name)), numberField(3, tsize)])
}

function readLink(bytes: Uint8Array): Link {
  let cid: Cid | undefined
  let name = ''
  let tsize = 0
  let last = 0
  for (const field of readFields(bytes)) {
    if (field.id <= last) throw bad('fields of a link out of order')
    last = field.id
    if (field.id === 1 && field.is === 'bytes') {
      const parts = field.bytes.length === cidLength ? readCid(field.bytes) : undefined
      if (parts === undefined) throw bad('a link to an address of another form than CIDv1, sha2-256, raw or dag-pb')
      cid = cidOf(parts.codec, parts.digest)
    } else if (field.id === 2 && field.is === 'bytes') name = readText(field.bytes)
    else if (field.id === 3 && field.is === 'number') tsize = field.number
    else throw bad(`field ${field.id} of a link`)
  }
  if (cid === undefined) throw bad('a link without an address')
  return { name, cid, tsize }
}

function readUnixFs(fields: readonly Field[], links: readonly Link[]): Node {
  const sizes: number[] = []
  const numbers = new Map<number, number>()
  let data: Uint8Array = none
  for (const field of fields) {
    if (field.id === 4 && field.is === 'number') sizes.push(field.number)
    else if (field.id === 4 && field.is === 'bytes') throw bad('packed block sizes')
    else if (field.is === 'number') numbers.set(field.id, field.number)
    // Field 8 is the time of change: of no concern here.
    else if (field.id === 2) data = field.bytes
  }
  const kind = numbers.get(1)
  if (kind === type.directory) return { is: 'directory', links }
  if (kind === type.shard) {
    if (numbers.get(6) !== fanout || numbers.get(5) !== murmur) throw bad('a shard of another fanout or hash')
    return { is: 'shard', links }
  }
  if (kind !== type.file && kind !== type.raw) throw bad(`UnixFS type ${kind}: neither file nor directory`)
  const size = sizes.reduce((sum, one) => sum + one, data.length)
  if (sizes.length !== links.length || !Number.isSafeInteger(size) || size !== (numbers.get(3) ?? size)) throw bad('sizes that do not add up')
  return { is: 'file', size, data, sizes, links }
}

function readText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new IpdcError('BAD_DATA', { message: 'Not a UnixFS node: a name that is not UTF-8', cause })
  }
}

function bad(why: string): IpdcError {
  return new IpdcError('BAD_DATA', { message: `Not a UnixFS node: ${why}` })
}
