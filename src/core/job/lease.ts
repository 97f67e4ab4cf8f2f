/**
 * Who may run an attempt, and until when. A node stops by itself before its lease ends, so that the coordinator can give the
 * task to another without asking: no message is needed to be safe.
 */
import type { Ms } from '../kind.ts'
import type { Attempt, State } from './state.ts'

/** How long a grant lasts. @default 10_000 (ms) */
export const leaseMs: Ms = 10_000

/** The same for a service, which stays until it is cancelled. @default 600_000 (ms) */
export const serviceLeaseMs: Ms = 600_000

/** The node gives up this long before the coordinator does: clocks drift, and messages take time. @default 2_000 (ms) */
export const marginMs: Ms = 2_000

/**
 * A command can be this old when it arrives; its envelope's `exp` ends it then. An attempt that must not run twice at once is
 * given up so much later; a pure one may, so nobody waits. @default 10_000 (ms)
 */
export const transitMs: Ms = 10_000

/** Longest time between two ticks that is not a sleep of the coordinator itself. @default 3_000 (ms) */
export const napMs: Ms = 3_000

/** At its offer, and each time that its node reports it. `now` is monotonic. */
export function renew(attempt: Attempt, now: Ms): void {
  const { leaseMs, pure } = attempt.task.job
  attempt.until = now + leaseMs + (pure ? 0 : transitMs)
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
