/** Which blocks may come: the root, then what the blocks that came link to, each once. What nobody asked for is not kept. */
import type { Cid } from '../cids.ts'
import { IpdcError } from '../errors.ts'
import { linksIn } from './walk.ts'

export interface Budget {
  readonly maxBlocks: number
  readonly maxBytes: number
}

export interface Expectation {
  /** Before a block is kept. @throws BAD_DATA: not expected, TOO_LARGE: over the budget */
  check(cid: Cid, length: number): void
  /** After it was kept, and so hashed. */
  came(cid: Cid, bytes: Uint8Array): void
}

export function expect(root: Cid, { maxBlocks, maxBytes }: Budget): Expectation {
  const expected = new Set<Cid>([root])
  const done = new Set<Cid>()
  let bytesLeft = maxBytes
  return {
    check(cid, length) {
      if (!expected.has(cid)) throw new IpdcError('BAD_DATA', { message: `Block ${cid} ${done.has(cid) ? 'came twice' : `does not belong to ${root}`}`, cid })
      bytesLeft -= length
      if (bytesLeft < 0 || done.size === maxBlocks) {
        throw new IpdcError('TOO_LARGE', { message: `${root} is larger than allowed here (${maxBytes} bytes, ${maxBlocks} blocks)`, cid: root })
      }
    },
    came(cid, bytes) {
      expected.delete(cid)
      done.add(cid)
      for (const link of linksIn(cid, bytes)) if (!done.has(link)) expected.add(link)
      if (expected.size + done.size > maxBlocks * 2) throw new IpdcError('TOO_LARGE', { message: `${root} links to more than ${maxBlocks} blocks`, cid: root })
    },
  }
}
