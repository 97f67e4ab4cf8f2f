/**
 * Who may run an attempt, and until when. A node stops by itself before its lease ends, so that the coordinator can give the
 * task to another without asking: no message is needed to be safe. A lease counts from a word of its node: on the node from when it
 * was said, at the coordinator from when it was heard, which is later. So no command lengthens a lease by being late.
 */
import type { Ms } from '../kind.ts'
import type { Attempt, Book, State } from './state.ts'

/** How long a grant lasts. @default 10_000 (ms) */
export const leaseMs: Ms = 10_000

/** The same for a service, which stays until it is cancelled. @default 600_000 (ms) */
export const serviceLeaseMs: Ms = 600_000

/** The node gives up this long before the coordinator does: clocks drift, and code takes a moment to end. @default 2_000 (ms) */
export const marginMs: Ms = 2_000

/** A word of a node tells its time for so long, with clocks that differ by a ten-thousandth. @default 600_000 (ms) */
export const wordMs: Ms = 600_000

/** By a node's own monotonic clock: so long after the beginning of its start `boot`. Clocks of others need not agree with it. */
export interface Moment {
  readonly boot: number
  readonly at: Ms
}

/** Longest time between two ticks that is not a sleep of the coordinator itself. @default 3_000 (ms) */
export const napMs: Ms = 3_000

/** At its offer, and each time that its node reports it. `now` is monotonic. */
export function renew(attempt: Attempt, now: Ms): void {
  attempt.until = now + attempt.task.job.leaseMs
}

/** What time it is at the node now, at least: its word was under way for a while. Undefined where it said nothing lately. */
export function timeAt({ boot, word }: Book, now: Ms): Moment | undefined {
  if (word === undefined || now - word.heardAt > wordMs) return undefined
  return { boot, at: word.at + Math.floor(now - word.heardAt) }
}

/** On the node: when the right ends that was given at `from`. Undefined where it has ended, or nobody knows. */
export function untilOf(now: Moment, from: Moment | undefined, leaseMs: Ms): Ms | undefined {
  if (from?.boot !== now.boot) return undefined
  const until = Math.min(from.at, now.at) + leaseMs - marginMs
  return until > now.at ? until : undefined
}

/** An attempt that is over would hold its task until its lease would have ended: where many are, they go now. */
export function forgetOver(state: State): void {
  let alive = 0
  for (const { attempts } of state.books.values()) alive += attempts.size
  if (state.leases.size > 64 + 2 * alive) state.leases.sift(({ over }) => !over)
}

/** Attempts that nobody may finish any more, unless they are pure. */
export function* expired(state: State, now: Ms): Generator<Attempt> {
  if (now < state.deafUntil) return
  for (let attempt = state.leases.due(now); attempt !== undefined; attempt = state.leases.due(now)) {
    if (attempt.over) continue
    if (attempt.until > now) state.leases.push(attempt.until, attempt)
    else yield attempt
  }
}

/** Who was deaf, or slept, has to hear a round of beats before it may call anybody silent. */
export function listen(state: State, now: Ms): void {
  state.deafUntil = Math.max(state.deafUntil, now + leaseMs)
}
