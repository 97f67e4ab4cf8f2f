/**
 * A directory of children that lie anywhere: one block, or a hash trie (HAMT) of blocks once that one would be over 256 KiB. The
 * same children make the same address in whatever order they come.
 */
import type { Cid } from '../cids.ts'
import { IpdcError } from '../errors.ts'
import { cleanName } from '../names.ts'
import type { Part, Sink } from './file.ts'
import { murmur64 } from './murmur.ts'
import { encodeDirectory, encodeShard, fanout, type Link, linkLength } from './node.ts'
import { inOrder } from './order.ts'
import { breathe } from './turn.ts'

/** A block of a directory, at most. Exactly this much stays plain. @default 256 KiB */
export const plainBytes = 256 << 10
/** Of a directory's block without links. */
const emptyBytes = 4
/** Work between two turns of the event loop, in names. */
const turnNames = 256

export interface Child extends Part {
  readonly name: string
}

/** @throws BAD_PATH: a name twice, or not usable */
export async function addDirectory(children: Iterable<Child>, sink: Sink): Promise<Part> {
  const links = new Map<string, Link>()
  let size = 0
  let blockBytes = emptyBytes
  for (const child of children) {
    const link = { name: cleanName(child.name), cid: child.cid, tsize: child.tsize }
    if (links.has(link.name)) throw new IpdcError('BAD_PATH', { message: `Two entries of the name ${JSON.stringify(link.name)}` })
    links.set(link.name, link)
    size += child.size
    blockBytes += linkLength(link)
    if (links.size % (turnNames * 4) === 0) await breathe()
  }
  const below = [...links.values()].reduce((sum, link) => sum + link.tsize, 0)
  if (blockBytes > plainBytes) {
    const { cid, blocks } = await addShards([...links.values()], sink)
    return { cid, size, tsize: below + blocks }
  }
  const bytes = encodeDirectory(await inOrder([...links.values()]))
  const { cid, kept } = sink.put('dag-pb', bytes)
  await kept
  return { cid, size, tsize: below + bytes.length }
}

interface Placed {
  readonly link: Link
  readonly hash: Uint8Array
}

/** `blocks` = bytes of all blocks of the trie. */
async function addShards(links: readonly Link[], sink: Sink): Promise<{ cid: Cid; blocks: number }> {
  const placed: Placed[] = []
  for (const link of links) {
    placed.push({ link, hash: murmur64(Buffer.from(link.name)) })
    if (placed.length % turnNames === 0) await breathe()
  }
  return addShard(placed, 0, sink)
}

async function addShard(placed: readonly Placed[], level: number, sink: Sink): Promise<{ cid: Cid; blocks: number }> {
  // 64 bits of a name that equals another's in all of them were looked for by somebody.
  if (level === 8) throw new IpdcError('BAD_PATH', { message: `Names of one hash: ${JSON.stringify(placed.slice(0, 2).map(({ link }) => link.name))}` })
  const buckets: Placed[][] = []
  for (const one of placed) {
    const at = one.hash[level] ?? 0
    const bucket = buckets[at]
    if (bucket === undefined) buckets[at] = [one]
    else bucket.push(one)
  }
  const links: Link[] = []
  const bits = new Uint8Array(fanout / 8)
  let blocks = 0
  for (let at = 0; at < fanout; at++) {
    const bucket = buckets[at]
    const [only] = bucket ?? []
    if (bucket === undefined || only === undefined) continue
    const prefix = at.toString(16).toUpperCase().padStart(2, '0')
    const byte = bits.length - 1 - (at >> 3)
    bits[byte] = (bits[byte] ?? 0) | (1 << (at & 7))
    if (bucket.length === 1) {
      links.push({ ...only.link, name: prefix + only.link.name })
    } else {
      const shard = await addShard(bucket, level + 1, sink)
      links.push({ name: prefix, cid: shard.cid, tsize: shard.blocks + bucket.reduce((sum, { link }) => sum + link.tsize, 0) })
      blocks += shard.blocks
    }
  }
  const first = bits.findIndex((byte) => byte !== 0)
  const bytes = encodeShard(links, bits.subarray(Math.max(first, 0)))
  const { cid, kept } = sink.put('dag-pb', bytes)
  await kept
  await breathe()
  return { cid, blocks: blocks + bytes.length }
}
