/**
 * Reads content that may lie on other nodes: what is here is read here, what is missing is fetched from its holders, verified and
 * kept. Concurrent reads of one block share its fetch.
 */
import type { Agent } from 'node:http'
import type { Address, Cid } from '../cids.ts'
import type { Entry, NodeId } from '../kind.ts'
import type { Log } from '../log.ts'
import type { ReadOptions, Signal, Store } from '../ports.ts'
import { createBudget } from '../store/expect.ts'
import { isMissing } from '../store/missing.ts'
import { type BlockSource, entriesOf, entryOf, readFile, resolve } from '../store/read.ts'
import { connections, type IsGone, type SignHeaders } from './ask.ts'
import { createPull } from './pull.ts'
import { createMemory, createSearches, type Lookup, type Search } from './search.ts'
import { createShared, unlessAborted } from './shared.ts'
import { makeWhole } from './whole.ts'

export type { Holder } from './ask.ts'
export { askHolders } from './ask.ts'
export type { Lookup } from './search.ts'

/** Leaves that are fetched before they are needed, once anything had to be fetched. */
const aheadOfNetwork = 8
const aheadOfDisk = 2
/** Blocks of one DAG, at most. */
const maxDagBlocks = 1 << 22

/** Reads as a Store does, of whatever can be reached. All throw INPUT_LOST, UNREACHABLE, REFUSED where it cannot. */
export interface Reader {
  /** Chunks of at most 1 MiB. */
  cat(address: Address, options?: ReadOptions): AsyncIterable<Uint8Array>
  /** In order of name bytes. The size of a file of one block that is not here is what its directory says. */
  ls(address: Address, options?: Signal): AsyncIterable<Entry>
  stat(address: Address, options?: Signal): Promise<Entry>
}

export interface FetchOptions extends Signal {
  /** Pins what comes under this name, from the first block on. */
  readonly pin?: string
  /** Bytes to fetch, at most. @default what the store may hold */
  readonly maxBytes?: number
}

export interface Fetcher {
  readonly reader: Reader
  /** Makes the whole DAG local, wherever its parts lie. What came before it failed is not fetched again. */
  fetch(root: Cid, options?: FetchOptions): Promise<void>
  /** Bytes that came from other nodes. */
  readonly fetchedBytes: number
  /** How often each node gave something else than what was asked for. */
  readonly lies: ReadonlyMap<NodeId, number>
}

export interface FetcherOptions {
  readonly store: Store
  /** Who holds an address: see `Lookup` for what undefined and an empty list mean. */
  readonly holders: Lookup
  readonly headers: SignHeaders
  readonly log: Log
  /** A holder that gives nothing for so long is given up. @default 10_000 (ms) */
  readonly progressMs?: number
  /** Whoever is gone is not asked, and not waited for: not even for `progressMs`. */
  readonly isGone?: IsGone
  readonly agent?: Agent
}

interface Operation {
  readonly search: (cid: Cid, chain: readonly Cid[]) => Search
  readonly signal: AbortSignal
  /** A block from here or elsewhere. */
  readonly source: BlockSource
  readonly ahead: () => number
  end(): void
}

export function createFetcher({ store, holders, headers, log, progressMs = 10_000, isGone, agent = connections }: FetcherOptions): Fetcher {
  const memory = createMemory()
  const blocks = createShared<Uint8Array>()
  /** Roots that are being made whole. */
  const wholes = new Map<Cid, Promise<void>>()
  let fetchedBytes = 0
  const pull = createPull({
    store,
    agent,
    headers,
    progressMs,
    isGone,
    received: (bytes) => {
      fetchedBytes += bytes
    },
  })

  function operation(outer: AbortSignal | undefined): Operation {
    const ended = new AbortController()
    const signal = outer === undefined ? ended.signal : AbortSignal.any([outer, ended.signal])
    const search = createSearches(holders, memory, signal, log, isGone)
    let hasFetched = false
    return {
      search,
      signal,
      ahead: () => (hasFetched ? aheadOfNetwork : aheadOfDisk),
      async source(cid, chain) {
        signal.throwIfAborted()
        const here = await local(cid)
        if (here !== undefined) return here
        hasFetched = true
        return blocks.run(cid, signal, () => pull.block(cid, search(cid, chain), signal))
      },
      end: () => ended.abort(),
    }
  }

  async function local(cid: Cid): Promise<Uint8Array | undefined> {
    try {
      return await store.getBlock(cid)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  /** The second of two who want the same waits for the first, and then finds nothing to fetch. */
  async function fetch(root: Cid, options: FetchOptions = {}): Promise<void> {
    for (let other = wholes.get(root); other !== undefined; other = wholes.get(root)) {
      const settled = other.catch(() => {})
      await (options.signal === undefined ? settled : unlessAborted(settled, options.signal))
    }
    const mine = fetchAlone(root, options).finally(() => wholes.delete(root))
    wholes.set(root, mine)
    return mine
  }

  async function fetchAlone(root: Cid, { signal: outer, pin, maxBytes }: FetchOptions): Promise<void> {
    const { search, signal, source, end } = operation(outer)
    const wasPinned = pin !== undefined && (await isPinned(root, pin))
    try {
      const budget = createBudget({ maxBlocks: maxDagBlocks, maxBytes: maxBytes ?? (await store.usage()).limit }, root)
      // From here on what comes is reached by a pin, so it is not collected before the rest has come.
      if (pin !== undefined && !wasPinned) await store.pin(root, pin, { partial: true, signal })
      const below = (cid: Cid, chain: readonly Cid[]) => pull.below(cid, search(cid, chain), budget, signal)
      await makeWhole(root, { store, maxBlocks: maxDagBlocks, local, block: source, below, budget, signal, stop: end })
      if (pin !== undefined) await store.pin(root, pin, { signal })
      else await store.sync()
    } catch (error) {
      if (pin !== undefined && !wasPinned) await store.unpin(pin, root).catch(() => {})
      throw outer?.aborted ? outer.reason : error
    } finally {
      end()
    }
  }

  /** Of a block that is here, without reading it. */
  async function lengthHere(cid: Cid): Promise<number | undefined> {
    return (await store.has(cid)) ? (await store.stat(cid)).size : undefined
  }

  async function isPinned(root: Cid, name: string): Promise<boolean> {
    for await (const { cid } of store.pins(name)) if (cid === root) return true
    return false
  }

  return {
    reader: {
      async *cat(address, { offset, length, signal } = {}) {
        const { source, ahead, end } = operation(signal)
        try {
          yield* readFile(source, await resolve(source, address), { offset, length, ahead })
        } finally {
          end()
        }
      },
      async *ls(address, { signal } = {}) {
        const { source, end } = operation(signal)
        try {
          yield* entriesOf(source, await resolve(source, address), lengthHere)
        } finally {
          end()
        }
      },
      async stat(address, { signal } = {}) {
        const { source, end } = operation(signal)
        try {
          return await entryOf(source, await resolve(source, address), lengthHere)
        } finally {
          end()
        }
      },
    },
    fetch,
    get fetchedBytes() {
      return fetchedBytes
    },
    lies: memory.lies,
  }
}
