/**
 * How the places of a node are dealt to the coordinators that want some. Each that is active has an equal part of the room, and gets
 * it though others fill the rest: what they have above their part is given back as their tasks end. What one leaves, others may use.
 * All that is promised at one time is free in the queue, so that no promise is broken.
 */
import type { Ms, NodeId } from '../src/core/kind.ts'

/** A coordinator counts as interested for so long after it was last heard of. @default 60_000 (ms) */
export const interestMs: Ms = 60_000
/** One that holds nothing here counts as active for so long after its last offer. @default 3_000 (ms) */
export const activeMs: Ms = 3_000

/** Coordinators remembered at once. @default 1_024 */
const maxInterested = 1_024

export interface Places {
  /** Tasks that this node wants at once, waiting and running. */
  readonly room: number
  /** Tasks that its queue holds, at most. */
  readonly limit: number
  /** Coordinators that want something now, in one order. */
  readonly active: readonly NodeId[]
  readonly held: (coordinator: NodeId) => number
  /** Moves the remainder on, so that with less room than coordinators each has its part in time. */
  readonly turn: number
}

/** How many more tasks the node takes of that coordinator. One that asked for nothing yet is told what it would get. */
export function deal({ room, limit, active: known, held, turn }: Places, coordinator: NodeId): number {
  const active = known.includes(coordinator) ? known : [...known, coordinator]
  let total = 0
  for (const id of active) total += held(id)
  const places = Math.max(0, limit - total)
  const owed = active.map((id, at) => Math.max(0, part(room, active.length, at, turn) - held(id)))
  const sum = owed.reduce((sum, one) => sum + one, 0)
  const own = owed[active.indexOf(coordinator)] ?? 0
  if (sum > places) return Math.min(own, fill(owed, places)[active.indexOf(coordinator)] ?? 0)
  if (own > 0) return own
  // It has its part already, and what is left of the room is for whoever has, too: but a place is kept for each that has not.
  const content = active.filter((_, at) => owed[at] === 0)
  const kept = active.length - content.length
  const left = Math.max(0, Math.min(room - total - kept, places - sum))
  return part(left, content.length, content.indexOf(coordinator), turn)
}

/** Of `whole`, cut for `count`, the piece of number `at`: pieces differ by one at most. */
function part(whole: number, count: number, at: number, turn: number): number {
  const each = Math.floor(whole / count)
  return each + ((at + turn) % count < whole - each * count ? 1 : 0)
}

/** Gives out what there is, to whom the most is owed first. */
function fill(owed: readonly number[], places: number): number[] {
  const given = owed.map(() => 0)
  const order = owed.map((_, at) => at).sort((a, b) => (owed[b] ?? 0) - (owed[a] ?? 0) || a - b)
  for (let left = places; left > 0; ) {
    const before = left
    for (const at of order) {
      if (left === 0 || (given[at] ?? 0) >= (owed[at] ?? 0)) continue
      given[at] = (given[at] ?? 0) + 1
      left--
    }
    if (left === before) break
  }
  return given
}

interface Seen {
  heardAt: Ms
  offeredAt: Ms
}

/** Who asked this node for something lately, oldest first. */
export function createInterest() {
  const seen = new Map<NodeId, Seen>()
  return {
    touch(coordinator: NodeId, now: Ms, what: 'word' | 'offer' = 'word'): void {
      const before = seen.get(coordinator)
      seen.delete(coordinator)
      seen.set(coordinator, { heardAt: now, offeredAt: what === 'offer' ? now : (before?.offeredAt ?? Number.NEGATIVE_INFINITY) })
      for (const [id] of seen) if (seen.size > maxInterested) seen.delete(id)
    },
    now(now: Ms): NodeId[] {
      for (const [id, { heardAt }] of seen) if (now - heardAt > interestMs) seen.delete(id)
      return [...seen.keys()].sort()
    },
    /** Who made an offer just now. */
    active(now: Ms): NodeId[] {
      const ids: NodeId[] = []
      for (const [id, { offeredAt }] of seen) if (now - offeredAt <= activeMs) ids.push(id)
      return ids.sort()
    },
  }
}

export type Interest = ReturnType<typeof createInterest>
