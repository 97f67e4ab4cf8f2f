/**
 * Makes a whole DAG local. What is here already is walked, not fetched; of what is not, whole parts come as CARs and single leaves
 * one by one. Parts may lie on different nodes: each missing part is asked of its own chain's holders.
 */
import type { Cid } from '../cids.ts'
import { IpdcError } from '../errors.ts'
import { maxPathDepth } from '../names.ts'
import type { Store } from '../ports.ts'
import { codecOf } from '../store/cid.ts'
import type { Budget } from '../store/expect.ts'
import { decodeNode } from '../store/node.ts'
import { maxDagDepth } from '../store/walk.ts'

/** Blocks and CARs that are fetched side by side. */
const atOnce = 8

interface Part {
  readonly cid: Cid
  readonly chain: readonly Cid[]
  readonly depth: number
}

export interface Whole {
  readonly store: Store
  readonly maxBlocks: number
  /** Undefined where it is not here. */
  readonly local: (cid: Cid) => Promise<Uint8Array | undefined>
  readonly block: (cid: Cid, chain: readonly Cid[]) => Promise<Uint8Array>
  readonly below: (cid: Cid, chain: readonly Cid[]) => Promise<void>
  readonly budget: Budget
  readonly signal: AbortSignal
  /** Aborts the signal: what still runs ends when a part has failed. */
  readonly stop: () => void
}

export async function makeWhole(root: Cid, { store, maxBlocks, local, block, below, budget, signal, stop }: Whole): Promise<void> {
  const seen = new Set<Cid>([root])
  const todo: Part[] = [{ cid: root, chain: [root], depth: 0 }]
  const running = new Set<Promise<void>>()

  async function make({ cid, chain, depth }: Part): Promise<void> {
    const isRaw = codecOf(cid) === 'raw'
    if (isRaw) {
      if (!(await store.has(cid))) budget.spend((await block(cid, chain)).length)
      return
    }
    let bytes = await local(cid)
    if (bytes === undefined) {
      await below(cid, chain)
      bytes = await store.getBlock(cid)
    }
    if (depth === maxDagDepth || chain.length > maxPathDepth) throw new IpdcError('BAD_DATA', { message: `${root} is nested too deep` })
    const node = decodeNode(bytes)
    for (const link of node.links.toReversed()) {
      if (seen.has(link.cid)) continue
      seen.add(link.cid)
      if (seen.size > maxBlocks) throw new IpdcError('TOO_LARGE', { message: `${root} has more than ${maxBlocks} blocks`, cid: root })
      const isNamed = node.is === 'directory' || (node.is === 'shard' && link.name.length > 2)
      todo.push({ cid: link.cid, chain: isNamed ? [...chain, link.cid] : chain, depth: depth + 1 })
    }
  }

  try {
    while (todo.length > 0 || running.size > 0) {
      signal.throwIfAborted()
      for (let part = todo.pop(); part !== undefined; part = running.size < atOnce ? todo.pop() : undefined) {
        const one: Promise<void> = make(part).finally(() => running.delete(one))
        running.add(one)
      }
      await Promise.race(running)
    }
  } catch (error) {
    stop()
    await Promise.allSettled(running)
    throw error
  }
}
