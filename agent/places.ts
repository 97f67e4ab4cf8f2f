/**
 * The free places of this node: how many for whom. A coordinator that was told of none is told at once when there are some, so that
 * nobody waits for the next beat.
 */
import type { Ms, NodeId } from '../src/core/kind.ts'
import type { Clock, Queue } from '../src/core/ports.ts'
import { beatMs } from './beats.ts'
import type { Capacity } from './capacity.ts'
import { deal, type Interest } from './credits.ts'
import type { Table } from './held.ts'
import type { createRoom } from './room.ts'

/** Places that come free within it are told together; most are told with the result that freed them. @default 20 (ms) */
const gatherMs: Ms = 20

export interface PlacesOptions {
  readonly queue: Pick<Queue, 'size'>
  readonly table: Pick<Table, 'count' | 'coordinators'>
  readonly interest: Interest
  readonly room: Pick<ReturnType<typeof createRoom>, 'now'>
  readonly capacity: Pick<Capacity, 'slots'>
  readonly clock: Clock
  /** Sends word to that coordinator, which asks `free` again. */
  readonly tell: (coordinator: NodeId) => void
}

export function createPlaces({ queue, table, interest, room, capacity, clock, tell }: PlacesOptions) {
  /** Who was told that there is nothing for it. */
  const told = new Set<NodeId>()
  let timer: NodeJS.Timeout | undefined

  function count(coordinator: NodeId): number {
    const { slots } = capacity
    if (slots === 0) return 0
    const now = clock.now()
    const active = [...new Set([...interest.active(now), ...table.coordinators()])].sort()
    return deal({ room: room.now(slots), limit: queue.size.limit, active, held: table.count, turn: Math.floor(now / beatMs) }, coordinator)
  }

  function tellThose(): void {
    timer = undefined
    const interested = new Set(interest.now(clock.now()))
    for (const id of told) {
      if (!interested.has(id)) told.delete(id)
      else if (count(id) > 0) tell(id)
    }
  }

  return {
    /** For a message to that coordinator. */
    free(coordinator: NodeId): number {
      const free = count(coordinator)
      if (free === 0) told.add(coordinator)
      else told.delete(coordinator)
      return free
    },
    /** Tasks that it takes at once, of all coordinators together. */
    get room() {
      return Math.min(queue.size.limit, room.now(capacity.slots))
    },
    /** An attempt has left. */
    freed(): void {
      if (told.size > 0) timer ??= setTimeout(tellThose, gatherMs)
    },
    stop: () => clearTimeout(timer),
  }
}
