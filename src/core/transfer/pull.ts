/**
 * Getting blocks that are not here from whoever has them: one by one, or a whole DAG below one as a CAR. Every block is hashed by the
 * store before it counts, and only what is linked to from what was asked for is kept. A holder that fails gives way to the next.
 */
import type { Agent } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { Cid } from '../cids.ts'
import { codeOf } from '../errors.ts'
import type { Store } from '../ports.ts'
import { readCar } from '../store/car.ts'
import { type Budget, expect } from '../store/expect.ts'
import { maxBlockBytes } from '../store/segment.ts'
import { AskError, ask, type Holder, type IsGone, type SignHeaders } from './ask.ts'
import type { Search } from './search.ts'

/** Before those that did not answer are asked once more. @default 200 (ms) */
const againMs = 200

export interface PullOptions {
  readonly store: Store
  readonly agent: Agent
  readonly headers: SignHeaders
  readonly progressMs: number
  readonly isGone?: IsGone | undefined
  /** Told of every byte that arrives. */
  readonly received: (bytes: number) => void
}

export interface Pull {
  /** @throws INPUT_LOST, UNREACHABLE, REFUSED, DISK_FULL, IO */
  block(cid: Cid, search: Search, signal: AbortSignal): Promise<Uint8Array>
  /** The block itself at least, and as much of what is below as the holder has. @throws TOO_LARGE as well */
  below(cid: Cid, search: Search, budget: Budget, signal: AbortSignal): Promise<void>
}

export function createPull({ store, agent, headers, progressMs, isGone, received }: PullOptions): Pull {
  /** Asks one after another until `take` has something; it may say what went wrong all the same. */
  async function fromAny<T>(search: Search, signal: AbortSignal, take: (holder: Holder) => Promise<{ taken: T; failed?: unknown }>): Promise<T> {
    for (;;) {
      for await (const candidate of search.candidates()) {
        try {
          const { taken, failed } = await take(candidate.holder)
          if (failed === undefined) search.succeeded(candidate)
          else search.failed(candidate, failed)
          return taken
        } catch (error) {
          signal.throwIfAborted()
          if (isOurs(error)) throw error
          search.failed(candidate, error)
        }
      }
      if (!search.mayAskAgain) throw search.lost()
      await setTimeout(againMs, undefined, { signal })
    }
  }

  async function* get(holder: Holder, path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for await (const piece of await ask(holder, path, { agent, headers, progressMs, signal, isGone })) {
      received(piece.length)
      yield piece
    }
  }

  async function blockFrom(holder: Holder, cid: Cid, signal: AbortSignal): Promise<{ taken: Uint8Array }> {
    const pieces: Uint8Array[] = []
    let length = 0
    for await (const piece of get(holder, `/ipfs/${cid}?format=raw`, signal)) {
      length += piece.length
      if (length > maxBlockBytes) throw new AskError('lied', holder, `more than ${maxBlockBytes} bytes given as ${cid}`)
      pieces.push(piece)
    }
    const taken = Buffer.concat(pieces, length)
    await store.putBlock(cid, taken)
    return { taken }
  }

  async function carFrom(holder: Holder, root: Cid, budget: Budget, signal: AbortSignal): Promise<{ taken: undefined; failed?: unknown }> {
    const expected = expect(root, budget)
    let hasRoot = false
    try {
      for await (const { cid, bytes } of readCar(get(holder, `/ipfs/${root}?format=car&dag-scope=all&car-order=dfs&car-dups=n`, signal))) {
        expected.check(cid, bytes.length)
        await store.putBlock(cid, bytes)
        hasRoot = true
        expected.came(cid, bytes)
      }
    } catch (error) {
      signal.throwIfAborted()
      // A block over the bound is the holder's doing, a DAG over the budget is not.
      const failed = codeOf(error) === 'TOO_LARGE' && !budget.isSpent ? new AskError('lied', holder, String(error)) : error
      // What came stays, and the next round asks for the rest only.
      if (hasRoot && !isOurs(failed)) return { taken: undefined, failed }
      throw failed
    }
    if (!hasRoot) throw new AskError('lied', holder, `a CAR without its root ${root}`)
    return { taken: undefined }
  }

  return {
    block: (cid, search, signal) => fromAny(search, signal, (holder) => blockFrom(holder, cid, signal)),
    below: (root, search, budget, signal) => fromAny(search, signal, (holder) => carFrom(holder, root, budget, signal)),
  }
}

/** An error of this node, or of what was asked for: no other holder can mend it. */
function isOurs(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'DISK_FULL' || code === 'IO' || code === 'TOO_LARGE'
}
