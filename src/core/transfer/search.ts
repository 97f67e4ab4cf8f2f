/**
 * Who may have a block, in the order to ask them. A block belongs to a chain of named CIDs, from the address's root down to the
 * one that is read: a directory that was linked over what lies elsewhere has its children on other nodes. So the holders of the
 * whole chain are asked, the nearest first; when none has it, the error names the part that a job can make again.
 */
import type { Cid } from '../cids.ts'
import { IpdcError } from '../errors.ts'
import type { NodeId } from '../kind.ts'
import type { Log } from '../log.ts'
import { AskError, goneError, type Holder, type IsGone, type Miss } from './ask.ts'

/**
 * Who holds an address. Undefined: nobody ever named it (a part of something larger, say). Empty: it is named as the result of a task
 * or as an input, but nobody who holds it is there. Rejects where that cannot be known now.
 */
export type Lookup = (cid: Cid, signal: AbortSignal) => Promise<readonly Holder[] | undefined>

/** A holder that does not answer is asked for one block so often. */
const maxStrikes = 3

export interface Candidate {
  readonly holder: Holder
  /** The address that it is known to hold. */
  readonly via: Cid
}

/** The search for one block. */
export interface Search {
  /** Whom to ask, in order. May be gone through again. */
  candidates(): AsyncGenerator<Candidate>
  succeeded(candidate: Candidate): void
  /** `error` is an AskError, or what checking its answer threw. */
  failed(candidate: Candidate, error: unknown): void
  /** Some that did not answer may be asked once more. */
  readonly mayAskAgain: boolean
  /** What to throw when nobody had it. */
  lost(): IpdcError
}

/** What outlives an operation. */
export interface Memory {
  /** Directories whose children were found elsewhere than they were. */
  readonly scattered: Set<Cid>
  readonly lies: Map<NodeId, number>
}

const maxRemembered = 1000

interface Outcome {
  readonly miss: Miss
  readonly error: Error
}

/** One for each operation: what was found out about holders holds that long. Gives the search for each of its blocks. */
export function createSearches(
  lookup: Lookup,
  memory: Memory,
  signal: AbortSignal,
  log: Log,
  isGone: IsGone = () => false,
): (cid: Cid, chain: readonly Cid[]) => Search {
  const lists = new Map<Cid, Promise<readonly Holder[] | undefined>>()
  const known = new Map<Cid, readonly Holder[]>()
  /** Holders that are not asked any more, and why. */
  const out = new Map<NodeId, Outcome>()
  /** Holders that did not answer: all others come first. */
  const suspects = new Set<NodeId>()
  let unknown: unknown

  async function listOf(cid: Cid): Promise<readonly Holder[]> {
    const asked = lists.get(cid) ?? lookup(cid, signal)
    lists.set(cid, asked)
    try {
      const holders = await asked
      if (holders !== undefined) known.set(cid, holders)
      return holders ?? []
    } catch (error) {
      signal.throwIfAborted()
      unknown = error
      return []
    }
  }

  /** Different blocks go to different ones of many holders. Who has lied before comes last. */
  function spread(holders: readonly Holder[], cid: Cid): Holder[] {
    const first = holders.length === 0 ? 0 : cid.charCodeAt(20) % holders.length
    const turned = [...holders.slice(first), ...holders.slice(0, first)]
    return turned.sort((a, b) => (memory.lies.get(a.node) ?? 0) - (memory.lies.get(b.node) ?? 0))
  }

  return (cid, chain) => {
    const outcomes = new Map<NodeId, Outcome>()
    const strikes = new Map<NodeId, number>()
    const [target = cid, parent] = chain.toReversed()

    async function* candidates(): AsyncGenerator<Candidate> {
      const nearest = chain.toReversed()
      const order = [...nearest.filter((one) => known.has(one)), ...nearest.filter((one) => !known.has(one))]
      // Where a sibling lay elsewhere, so will this one: asking the parent's holders first would only cost.
      if (parent !== undefined && memory.scattered.has(parent)) order.unshift(target)
      const given = new Set<NodeId>()
      const later: Candidate[] = []
      for (const via of order) {
        for (const holder of spread(await listOf(via), cid)) {
          if (given.has(holder.node)) continue
          given.add(holder.node)
          const reason = out.get(holder.node)
          if (reason !== undefined) outcomes.set(holder.node, reason)
          else if (isGone(holder.node)) outcomes.set(holder.node, { miss: 'gone', error: goneError(holder) })
          else if (suspects.has(holder.node)) later.push({ holder, via })
          else yield { holder, via }
        }
      }
      yield* later.filter(({ holder }) => (strikes.get(holder.node) ?? 0) < maxStrikes)
    }

    return {
      candidates,
      succeeded({ holder, via }) {
        suspects.delete(holder.node)
        if (parent !== undefined && via === target && known.has(parent)) remember(memory.scattered, parent)
      },
      failed({ holder: { node, url } }, error) {
        const outcome: Outcome = { miss: error instanceof AskError ? error.miss : 'lied', error: error as Error }
        const { miss } = outcome
        outcomes.set(node, outcome)
        if (miss === 'absent') return
        log.warn({ node, url, cid, miss, error: String(error) }, miss === 'lied' ? 'holder lied' : 'holder failed')
        if (miss === 'lied') count(memory.lies, node)
        if (miss !== 'unsure') {
          out.set(node, outcome)
        } else {
          suspects.add(node)
          strikes.set(node, (strikes.get(node) ?? 0) + 1)
        }
      },
      get mayAskAgain() {
        return [...outcomes].some(([node, { miss }]) => miss === 'unsure' && (strikes.get(node) ?? 0) < maxStrikes)
      },
      lost() {
        const reasons = [...outcomes.values()]
        const unsure = unknown ?? reasons.find(({ miss }) => miss === 'unsure')?.error
        const refused = reasons.find(({ miss }) => miss === 'refused')?.error
        const cause = unsure ?? refused
        if (cause !== undefined) {
          const message = `Block ${cid} could not be fetched: ${cause instanceof Error ? cause.message : String(cause)}`
          return new IpdcError(unsure === undefined ? 'REFUSED' : 'UNREACHABLE', { message, cause, cid })
        }
        // The nearest that a job named: whatever lies below came into being with it, and will again.
        const named = chain.findLast((one) => known.has(one)) ?? chain[0] ?? cid
        const asked = reasons.map(({ error }) => error.message).join('; ')
        return new IpdcError('INPUT_LOST', {
          message: `Nobody known has ${named === cid ? cid : `block ${cid} of ${named}`}${asked === '' ? '' : `: ${asked}`}`,
          cid: named,
        })
      },
    }
  }
}

export function createMemory(): Memory {
  return { scattered: new Set(), lies: new Map() }
}

function remember(set: Set<Cid>, cid: Cid): void {
  if (set.has(cid)) return
  for (const oldest of set) {
    if (set.size < maxRemembered) break
    set.delete(oldest)
  }
  set.add(cid)
}

function count(map: Map<NodeId, number>, node: NodeId): void {
  if (map.size < maxRemembered || map.has(node)) map.set(node, (map.get(node) ?? 0) + 1)
}
