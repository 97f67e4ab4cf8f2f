/**
 * How many tasks this node takes at once, by how long they take here: enough that no slot waits for the wire, no more, since what
 * waits here cannot run elsewhere, and what comes next waits behind it.
 */
import type { Ms } from '../src/core/kind.ts'

/** Work that waits per slot, in time. @default 50 (ms) */
const aheadMs: Ms = 50
/** Tasks per slot, waiting and running, at least and at most. */
const least = 2
export const mostPerSlot = 32
/** Weight of the newest task in the mean. */
const weight = 0.1

export function createRoom() {
  let meanMs: Ms = aheadMs
  return {
    /** A task took so long. */
    took(ms: Ms): void {
      meanMs += weight * (ms - meanMs)
    },
    now: (slots: number): number => slots * Math.min(mostPerSlot, Math.max(least, 1 + Math.ceil(aheadMs / Math.max(0.1, meanMs)))),
  }
}
