/**
 * How many tasks this node takes at once, by how long they take here: enough that no slot waits for the wire, no more, since what
 * waits here cannot run elsewhere.
 */
import type { Ms } from '../src/core/kind.ts'

/** Work that waits per slot, in time. @default 50 (ms) */
const aheadMs: Ms = 50
/** Tasks per slot, waiting and running, at least and at most. */
const least = 3
const most = 32
/** Weight of the newest task in the mean. */
const weight = 0.1

export function createRoom(slots: number) {
  let meanMs: Ms = aheadMs
  return {
    most: most * slots,
    /** A task took so long. */
    took(ms: Ms): void {
      meanMs += weight * (ms - meanMs)
    },
    now: (): number => slots * Math.min(most, Math.max(least, 1 + Math.ceil(aheadMs / Math.max(0.1, meanMs)))),
  }
}
