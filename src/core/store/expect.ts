/** Which blocks may come: the root, then what the blocks that came link to, each once. What nobody asked for is not kept. */
import type { Cid } from '../cids.ts'
import { IpdcError } from '../errors.ts'
import { linksIn } from './walk.ts'

/** What may come in all, over one or more DAGs. */
export interface Budget {
  /** @throws TOO_LARGE */
  spend(bytes: number): void
  readonly isSpent: boolean
}

export function createBudget({ maxBlocks, maxBytes }: { readonly maxBlocks: number; readonly maxBytes: number }, root: Cid): Budget {
  let blocksLeft = maxBlocks
  let bytesLeft = maxBytes
  return {
    get isSpent() {
      return blocksLeft < 0 || bytesLeft < 0
    },
    spend(bytes) {
      blocksLeft--
      bytesLeft -= bytes
      if (this.isSpent) throw new IpdcError('TOO_LARGE', { message: `${root} is larger than allowed here (${maxBytes} bytes, ${maxBlocks} blocks)`, cid: root })
    },
  }
}

export interface Expectation {
  /** Before a block is kept. @throws BAD_DATA: not expected, TOO_LARGE: over the budget */
  check(cid: Cid, length: number): void
  /** After it was kept, and so hashed. @throws BAD_DATA: it holds what no DAG of ours does */
  came(cid: Cid, bytes: Uint8Array): void
}

export function expect(root: Cid, budget: Budget): Expectation {
  const expected = new Set<Cid>([root])
  const done = new Set<Cid>()
  return {
    check(cid, length) {
      if (!expected.has(cid)) throw new IpdcError('BAD_DATA', { message: `Block ${cid} ${done.has(cid) ? 'came twice' : `does not belong to ${root}`}`, cid })
      budget.spend(length)
    },
    came(cid, bytes) {
      expected.delete(cid)
      done.add(cid)
      for (const link of linksIn(cid, bytes)) if (!done.has(link)) expected.add(link)
    },
  }
}
