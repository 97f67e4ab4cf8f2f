/** How the free room of a node is dealt to the coordinators that want some: the shares sum to the room, so no promise is broken. */
import type { Ms, NodeId } from '../src/core/kind.ts'

/** A coordinator counts as interested for so long after it was last heard of. @default 60_000 (ms) */
export const interestMs: Ms = 60_000

/** Coordinators remembered at once. @default 1_024 */
const maxInterested = 1_024

/** `turn` moves the remainder on from beat to beat, so that with less room than coordinators each has its share in time. */
export function share(room: number, interested: readonly NodeId[], coordinator: NodeId, turn: number): number {
  const at = interested.indexOf(coordinator)
  // One that asked for nothing yet is told what it would get: a promise too much costs a refusal, no attempt.
  if (at < 0) return share(room, [...interested, coordinator], coordinator, turn)
  const each = Math.floor(room / interested.length)
  const left = room - each * interested.length
  return each + ((at + turn) % interested.length < left ? 1 : 0)
}

/** Who asked this node for something lately, oldest first. */
export function createInterest() {
  const seen = new Map<NodeId, Ms>()
  return {
    touch(coordinator: NodeId, now: Ms): void {
      seen.delete(coordinator)
      seen.set(coordinator, now)
      for (const [id] of seen) if (seen.size > maxInterested) seen.delete(id)
    },
    now(now: Ms): NodeId[] {
      for (const [id, at] of seen) if (now - at > interestMs) seen.delete(id)
      return [...seen.keys()].sort()
    },
  }
}

export type Interest = ReturnType<typeof createInterest>
