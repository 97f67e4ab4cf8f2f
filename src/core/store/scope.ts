/** Which blocks below a CID belong to what was asked for, depth first, each once: the scopes of a CAR. */
import type { Cid } from '../cids.ts'
import { IpdcError } from '../errors.ts'
import { codecOf } from './cid.ts'
import { decodeNode } from './node.ts'
import { walk } from './walk.ts'

/** The block alone; a file, or a directory without its children; everything. */
export type Scope = 'block' | 'entity' | 'all'

/** Bytes of a file, both ends included; negative from the end, `to` undefined up to the end. */
export interface EntityBytes {
  readonly from: number
  readonly to: number | undefined
}

export interface Block {
  readonly cid: Cid
  readonly bytes: Uint8Array
}

export type Get = (cid: Cid) => Promise<Uint8Array>

/** Levels of a file or a trie, at most. */
const maxEntityDepth = 16

/** @throws BAD_DATA, and what `get` throws */
export async function* blocksIn(root: Cid, get: Get, scope: Scope, bytes?: EntityBytes): AsyncGenerator<Block> {
  if (scope === 'all') {
    for await (const { cid, read } of walk(root, get)) yield { cid, bytes: await read() }
  } else if (scope === 'block' || codecOf(root) === 'raw') {
    yield { cid: root, bytes: await get(root) }
  } else {
    yield* entityOf({ cid: root, bytes: await get(root) }, get, bytes)
  }
}

async function* entityOf(target: Block, get: Get, bytes: EntityBytes | undefined): AsyncGenerator<Block> {
  const range = rangeIn(target, bytes)
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
      const isPart = node.is === 'file' ? at < range.to && at + size > range.from : node.is === 'shard' && link.name.length === 2
      if (isPart && !(codecOf(link.cid) === 'raw' && seen.has(link.cid))) yield* below({ cid: link.cid, bytes: await get(link.cid) }, at, depth + 1)
      at += size
    }
  }
  yield* below(target, 0, 0)
}

/** `to` is the first byte that is not asked for any more. */
function rangeIn(target: Block, bytes: EntityBytes | undefined): { readonly from: number; readonly to: number } {
  const node = decodeNode(target.bytes)
  if (node.is !== 'file' || bytes === undefined) return { from: 0, to: Number.POSITIVE_INFINITY }
  const from = bytes.from < 0 ? Math.max(0, node.size + bytes.from) : bytes.from
  const to = bytes.to === undefined ? Number.POSITIVE_INFINITY : (bytes.to < 0 ? node.size + bytes.to : bytes.to) + 1
  return { from, to }
}
