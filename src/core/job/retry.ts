/**
 * Whether a task that failed is tried again: at most 4 charged attempts, on 3 nodes where there are so many; what no retry can
 * mend fails at once. Ends the poison task that takes one node down after the other.
 */
import { rowOf } from '../errors.ts'
import type { Failure, Ms, NodeId } from '../kind.ts'
import type { Charge } from './state.ts'

/** @default 4 */
export const maxCharged = 4
/** Distinct nodes that a task is tried on before one gets it again. @default 3 */
export const distinctNodes = 3
/** First pause before a `later`, doubled by each charge. @default 1_000 (ms) */
export const firstPauseMs: Ms = 1_000
/** @default 30_000 (ms) */
export const maxPauseMs: Ms = 30_000

export type Verdict = { readonly is: 'again' } | { readonly is: 'pause'; readonly ms: Ms } | { readonly is: 'fail' }

export function chargeOf(node: NodeId, error: Failure, retry: Charge['retry'] = rowOf(error.code).retry, of?: Charge['of']): Charge {
  return { node, error, retry, ...(of === undefined ? {} : { of }) }
}

/** Decides by the last charge; none: the task goes on. */
export function verdict(charges: readonly Charge[]): Verdict {
  const last = charges.at(-1)
  if (last === undefined) return { is: 'again' }
  if (last.retry === 'never' || charges.length >= maxCharged) return { is: 'fail' }
  return last.retry === 'later' ? { is: 'pause', ms: pauseMs(charges.length) } : { is: 'again' }
}

/** @param times how often it has failed, from 1 */
export function pauseMs(times: number): Ms {
  return Math.min(maxPauseMs, firstPauseMs * 2 ** (times - 1))
}

/** Nodes to leave out: those it failed on, while it has not met enough distinct ones. */
export function avoided(failedOn: ReadonlySet<NodeId>, usable: ReadonlySet<NodeId>): ReadonlySet<NodeId> {
  if (failedOn.size === 0) return failedOn
  const met = [...failedOn].filter((node) => usable.has(node)).length
  return met < Math.min(distinctNodes, usable.size) ? failedOn : new Set()
}
