/** Which blocks a CAR holds: those of the walked path first, then the target's by scope, depth first, each once. */
import type { Address, Cid } from '../cids.ts'
import { codeOf, IpdcError } from '../errors.ts'
import type { Store } from '../ports.ts'
import { codecOf } from '../store/cid.ts'
import { decodeNode } from '../store/node.ts'
import { resolve } from '../store/read.ts'
import { walk } from '../store/walk.ts'
import type { EntityBytes, Scope } from './wanted.ts'

export interface Block {
  readonly cid: Cid
  readonly bytes: Uint8Array
}

export interface Selection {
  /** What the path led to, from the root on. */
  readonly chain: readonly Cid[]
  /** Ends early where a block is missing: whoever reads it sees which. */
  readonly blocks: AsyncIterable<Block>
}

type Get = (cid: Cid) => Promise<Uint8Array>

/** Levels of a file or a trie, at most. */
const maxEntityDepth = 16

/** @throws NOT_FOUND where the path leads nowhere or a block of it is missing; BAD_PATH, BAD_DATA */
export async function select(store: Store, address: Address, scope: Scope, bytes: EntityBytes | undefined): Promise<Selection> {
  const walked = new Map<Cid, Uint8Array>()
  const { cid, chain } = await resolve(async (above) => {
    const block = await store.getBlock(above)
    walked.set(above, block)
    return block
  }, address)
  const target = { cid, bytes: await store.getBlock(cid) }
  const get: Get = (below) => (below === cid ? Promise.resolve(target.bytes) : store.getBlock(below))
  return { chain, blocks: untilMissing(onlyOnce(walked, scope === 'all' ? wholeOf(cid, get) : entityOf(target, get, scope, bytes))) }
}

async function* onlyOnce(walked: ReadonlyMap<Cid, Uint8Array>, blocks: AsyncIterable<Block>): AsyncGenerator<Block> {
  for (const [cid, bytes] of walked) yield { cid, bytes }
  for await (const block of blocks) if (!walked.has(block.cid)) yield block
}

async function* untilMissing(blocks: AsyncIterable<Block>): AsyncGenerator<Block> {
  try {
    yield* blocks
  } catch (error) {
    if (codeOf(error) !== 'NOT_FOUND') throw error
  }
}

async function* wholeOf(root: Cid, get: Get): AsyncGenerator<Block> {
  for await (const { cid, read } of walk(root, get)) yield { cid, bytes: await read() }
}

/** A file's blocks, or those that touch the bytes asked for; a directory's shards, not its children. */
async function* entityOf(target: Block, get: Get, scope: Scope, bytes: EntityBytes | undefined): AsyncGenerator<Block> {
  if (scope === 'block' || codecOf(target.cid) === 'raw') {
    yield target
    return
  }
  const node = decodeNode(target.bytes)
  const range = { from: 0, to: Number.POSITIVE_INFINITY }
  if (node.is === 'file' && bytes !== undefined) {
    range.from = bytes.from < 0 ? Math.max(0, node.size + bytes.from) : bytes.from
    if (bytes.to !== undefined) range.to = (bytes.to < 0 ? node.size + bytes.to : bytes.to) + 1
  }
  const seen = new Set<Cid>()

  async function* below(block: Block, start: number, depth: number): AsyncGenerator<Block> {
    if (!seen.has(block.cid)) yield block
    seen.add(block.cid)
    if (codecOf(block.cid) === 'raw') return
    if (depth === maxEntityDepth) throw new IpdcError('BAD_DATA', { message: `${target.cid} is nested deeper than an entity can be` })
    const node = decodeNode(block.bytes)
    let at = node.is === 'file' ? start + node.data.length : 0
    for (const [i, link] of node.links.entries()) {
      const size = node.is === 'file' ? (node.sizes[i] ?? 0) : 0
      const wanted = node.is === 'file' ? at < range.to && at + size > range.from : node.is === 'shard' && link.name.length === 2
      if (wanted && !(codecOf(link.cid) === 'raw' && seen.has(link.cid))) yield* below({ cid: link.cid, bytes: await get(link.cid) }, at, depth + 1)
      at += size
    }
  }
  yield* below(target, 0, 0)
}
