/** What a CAR of this gateway holds: the blocks of the walked path first, then those of the target, each once. */
import type { Address, Cid } from '../cids.ts'
import type { Store } from '../ports.ts'
import { isMissing } from '../store/missing.ts'
import { resolve } from '../store/read.ts'
import { type Block, blocksIn, type EntityBytes, type Scope } from '../store/scope.ts'

export interface Selection {
  /** What the path led to, from the root on. */
  readonly chain: readonly Cid[]
  /** Ends early where a block is missing: whoever reads it sees which. */
  readonly blocks: AsyncIterable<Block>
}

/** @throws NOT_FOUND where the path leads nowhere or a block of it is missing; BAD_PATH, BAD_DATA */
export async function select(store: Store, address: Address, scope: Scope, bytes: EntityBytes | undefined): Promise<Selection> {
  const walked = new Map<Cid, Uint8Array>()
  const { cid, chain } = await resolve(async (above) => {
    const block = await store.getBlock(above)
    walked.set(above, block)
    return block
  }, address)
  // Read before the answer begins, so that a target that is not here is said in its status.
  const target = await store.getBlock(cid)
  const get = (below: Cid) => (below === cid ? Promise.resolve(target) : store.getBlock(below))
  return { chain, blocks: together(walked, blocksIn(cid, get, scope, bytes)) }
}

async function* together(walked: ReadonlyMap<Cid, Uint8Array>, blocks: AsyncIterable<Block>): AsyncGenerator<Block> {
  for (const [cid, bytes] of walked) yield { cid, bytes }
  try {
    for await (const block of blocks) if (!walked.has(block.cid)) yield block
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}
