/**
 * What is known of one queue without asking the database: counts, locks, meta data, events, who waits. One process owns the file, so
 * this is the truth; what must outlive the process is also in the tables. Changed by a turn, and put back when the turn is undone.
 */
import { EventLog } from './events.ts'
import { ACTIVE, DELAYED, PRIORITIZED, perQueue, WAIT } from './schema.ts'

export interface Lock {
  readonly token: string
  readonly until: number
}

/** A job that some worker holds. */
export interface Held {
  readonly n: number
  prio: number
  /** Attempts made. */
  readonly made: number
  /** Whether there may be rows of it in `more` and in `log`. */
  hasMore: boolean
  hasLogs: boolean
}

export interface Waiter {
  /** What is delayed has changed. */
  rearm(): void
  end(): void
}

export interface Queue {
  /** `prefix:name`. */
  readonly name: string
  /** Its number in the tables; 0 until it has one. */
  q: number
  /** By state; of ACTIVE also the size of `active`. */
  readonly counts: [number, number, number, number, number, number]
  /** By id, in the order of claims. */
  readonly active: Map<string, Held>
  /** By id. Expired ones count as none, and are dropped at the next look for stalled jobs. */
  readonly locks: Map<string, Lock>
  /** Active at the last look for stalled jobs, and not renewed since. */
  suspects: Set<string>
  /** No look for stalled jobs before this time (ms). */
  nextLook: number
  /** Found as orphans at open, and no worker was told yet. */
  orphans: string[]
  readonly meta: Map<string, string>
  /** Claims in the present window of the rate limit, which ends at `until` (ms). */
  limiter: { used: number; until: number } | undefined
  /** The newest id given, and the one that the table says. */
  ids: number
  keptIds: number
  keptEvents: number
  /** Ends of the waiting list, and the newest place among the prioritized. */
  front: number
  back: number
  newestPlace: number
  /** No delayed job is due before this time (ms); undefined: not known. */
  due: number | undefined
  readonly events: EventLog
  readonly waiters: Set<Waiter>
}

export function createQueue(name: string): Queue {
  return {
    name,
    q: 0,
    counts: [0, 0, 0, 0, 0, 0],
    active: new Map(),
    locks: new Map(),
    suspects: new Set(),
    nextLook: 0,
    orphans: [],
    meta: new Map(),
    limiter: undefined,
    ids: 0,
    keptIds: 0,
    keptEvents: 0,
    front: 1,
    back: 0,
    newestPlace: 0,
    due: undefined,
    events: new EventLog(),
    waiters: new Set(),
  }
}

export function isPaused(queue: Queue): boolean {
  return queue.meta.has('paused')
}

/** As many jobs are active as the queue's own concurrency allows. */
export function isMaxed({ meta, counts }: Queue): boolean {
  const concurrency = meta.get('concurrency')
  return concurrency !== undefined && counts[ACTIVE] >= Number(concurrency)
}

/** Whether a worker that asks now might get a job. A rate limit is not looked at: who meets it is told for how long. */
export function mayGive(queue: Queue, now: number): boolean {
  if (queue.counts[DELAYED] > 0 && (queue.due ?? 0) <= now) return true
  return queue.counts[WAIT] + queue.counts[PRIORITIZED] > 0 && !isPaused(queue) && !isMaxed(queue)
}

/** Whoever waits for a job looks again, or later. Called after each commit that may matter to them. */
export function wakeWaiters(queue: Queue): void {
  if (queue.waiters.size === 0) return
  const isUp = mayGive(queue, Date.now())
  for (const waiter of [...queue.waiters]) {
    if (isUp) waiter.end()
    else waiter.rearm()
  }
}

/** The number that the id of this queue stands for, when it is one that a queue gives. */
export function numberOf(queue: Queue, id: string): number | undefined {
  return /^[1-9]\d{0,11}$/.test(id) ? queue.q * perQueue + Number(id) : undefined
}

/** A lock is of the job, not of its state: what the token '0' moves away keeps it. */
export function lockOf({ locks }: Queue, id: string, now: number): Lock | undefined {
  const lock = locks.get(id)
  return lock !== undefined && lock.until > now ? lock : undefined
}
