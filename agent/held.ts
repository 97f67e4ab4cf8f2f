/** The attempts that this node holds, waiting and running, each with the time its right to run ends. What a beat tells. */

import { decode, encode } from '../src/core/cbor.ts'
import type { Ms, NodeId, Term } from '../src/core/kind.ts'

/** An attempt as it was offered: plain data, what the queue keeps. */
export interface Offer {
  readonly coordinator: NodeId
  readonly job: string
  readonly term: Term
  readonly task: string
  readonly attempt: number
  readonly stage: string
  /** May run twice at once, and to its end without a lease. */
  readonly pure: boolean
  /** Label of the kind, from the signed manifest. */
  readonly kind: string
  readonly body: Uint8Array
}

export interface Held extends Offer {
  readonly id: string
  is: 'waiting' | 'running'
  /** The node stops by itself when this has passed: before the coordinator gives the task to another. Monotonic. */
  until: Ms
  /** It survived a restart of this node, and its coordinator has not said yet that it may go on. */
  asks: boolean
  /** What the coordinator was told last. */
  told: 'nothing' | 'accepted' | 'started'
  /** When it was taken. Monotonic. */
  readonly since: Ms
}

export const idOf = ({ job, task, term, attempt }: Pick<Offer, 'job' | 'task' | 'term' | 'attempt'>): string => `${job}/${task}#${term}.${attempt}`

export const pack = (offer: Offer): Uint8Array => encode({ ...offer })

/** What `pack` wrote, from this node's own queue. */
export const unpack = (bytes: Uint8Array): Offer => decode(bytes) as Offer

export function createTable(now: () => Ms = () => performance.now()) {
  const attempts = new Map<string, Held>()
  const counts = new Map<NodeId, number>()
  const count = (coordinator: NodeId, change: 1 | -1) => {
    const left = (counts.get(coordinator) ?? 0) + change
    if (left > 0) counts.set(coordinator, left)
    else counts.delete(coordinator)
  }
  return {
    add(offer: Offer, until: Ms): Held {
      const held: Held = { ...offer, id: idOf(offer), is: 'waiting', until, asks: false, told: 'nothing', since: now() }
      if (!attempts.has(held.id)) count(held.coordinator, 1)
      attempts.set(held.id, held)
      return held
    },
    get: (id: string): Held | undefined => attempts.get(id),
    remove(id: string): boolean {
      const held = attempts.get(id)
      if (held !== undefined) count(held.coordinator, -1)
      return attempts.delete(id)
    },
    /** How many attempts of that coordinator it holds. */
    count: (coordinator: NodeId): number => counts.get(coordinator) ?? 0,
    all: (): Held[] => [...attempts.values()],
    of: (coordinator: NodeId): Held[] => [...attempts.values()].filter((held) => held.coordinator === coordinator),
    ofJob: (job: string): Held[] => [...attempts.values()].filter((held) => held.job === job),
    expired: (now: Ms): Held[] => [...attempts.values()].filter((held) => held.until <= now),
    coordinators: (): Set<NodeId> => new Set(counts.keys()),
    get size() {
      return attempts.size
    },
  }
}

export type Table = ReturnType<typeof createTable>
