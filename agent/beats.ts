/**
 * Every two seconds: tells each coordinator what this node holds of its jobs and how much room it has, sends ends again that
 * were not noted, and ends attempts whose lease has run out. What a grant answers comes in here too: it holds from the beat that it
 * answers, so one that comes late gives nothing.
 */

import { untilOf } from '../src/core/job/lease.ts'
import type { Ms, NodeId } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import type { Clock, Queue } from '../src/core/ports.ts'
import type { MessageOf } from '../src/core/wire/message.ts'
import type { Interest } from './credits.ts'
import { type Held, idOf, type Table } from './held.ts'
import type { Jobs } from './jobs.ts'
import type { Outbox } from './outbox.ts'
import type { Sender } from './sender.ts'

/** @default 2_000 (ms) */
export const beatMs: Ms = 2_000
/** Leases are looked at so often, so that an attempt ends well within its margin. @default 500 (ms) */
const leaseCheckMs: Ms = 500
/** A pure attempt that runs may finish without a lease, within this: its coordinator may be back by then. @default 600_000 (ms) */
const finishMs: Ms = 600_000
/** Entries of one beat message; more go in further messages. @default 64 */
const maxEntries = 64

export interface BeatsOptions {
  readonly table: Table
  readonly queue: Queue
  readonly outbox: Outbox
  readonly jobs: Jobs
  readonly interest: Interest
  readonly sender: Sender
  /** Of this start. */
  readonly boot: number
  readonly free: (coordinator: NodeId) => number
  /** A coordinator has said what becomes of attempts. */
  readonly decided?: () => void
  readonly clock: Clock
  readonly log: Log
}

export function createBeats({ table, queue, outbox, jobs, interest, sender, boot, free, decided = () => {}, clock, log }: BeatsOptions) {
  let beating: NodeJS.Timeout | undefined
  let checking: NodeJS.Timeout | undefined

  const beat = (coordinator: NodeId) => {
    const held = table
      .of(coordinator)
      .map(({ job, task, term, attempt, is, asks }) => ({ job, task, term, attempt, is, ...(asks ? { kept: true as const } : {}) }))
    const ends = outbox.of(coordinator)
    const done = ends.map(({ job, task, term, attempt }) => ({ job, task, term, attempt }))
    const asks = jobs.asks(coordinator)
    const at = Math.floor(clock.now())
    const most = Math.max(held.length, done.length)
    for (let from = 0; from === 0 || from < most; from += maxEntries) {
      const to = from + maxEntries
      const part = { more: to < most, held: held.slice(from, to), done: done.slice(from, to), asks: from === 0 ? asks : [] }
      sender.send(coordinator, 'node.beat', {}, { free: free(coordinator), at, ...part })
    }
    for (const ended of ends) outbox.sendAgain(idOf(ended))
  }

  const beatAll = () => {
    for (const id of new Set([...table.coordinators(), ...outbox.coordinators(), ...jobs.askable(), ...interest.now(clock.now())])) beat(id)
  }

  const tellRoom = (coordinator: NodeId) => {
    sender.send(coordinator, 'node.beat', {}, { free: free(coordinator), at: Math.floor(clock.now()), more: true, held: [], done: [], asks: [] })
  }

  const checkLeases = () => {
    const now = clock.now()
    for (const held of table.expired(now)) if (!mayFinish(held, now)) void endExpired(held)
  }

  /** What has not begun is with another by now. */
  const mayFinish = ({ pure, is, until }: Held, now: Ms) => pure && is === 'running' && now < until + finishMs

  const endExpired = async (held: Held) => {
    // Once only: what is being ended is not found expired again.
    held.until = Number.POSITIVE_INFINITY
    log.warn({ job: held.job, task: held.task, attempt: held.attempt }, 'lease ran out')
    await end(held)
  }

  /** A waiting attempt is gone at once; a running one when its code has ended. */
  const end = async (held: Held) => {
    await queue.remove(held.id)
    if (held.is === 'waiting') giveUp(held)
  }

  const giveUp = ({ id, coordinator, job, term, task, attempt }: Held) => {
    table.remove(id)
    sender.tell(coordinator, 'task.cancelled', { job, term }, { task, attempt, term })
  }

  return {
    start(): void {
      beating = setInterval(beatAll, beatMs)
      checking = setInterval(checkLeases, leaseCheckMs)
    },
    stop(): void {
      clearInterval(beating)
      clearInterval(checking)
    },
    /** A coordinator that started anew wants to know at once what is left of its jobs. */
    beat,
    /** Between two beats: only how much room there is. */
    tellRoom,
    /** The same to all that are interested. */
    tellAllRoom(): void {
      for (const id of new Set([...table.coordinators(), ...interest.now(clock.now())])) tellRoom(id)
    },
    /** Gives an attempt up, by order of this node's owner. */
    end,
    /** The queue does not have them any more. */
    lost(ids: readonly string[]): void {
      for (const id of ids) {
        const held = table.get(id)
        if (held?.is === 'waiting') giveUp(held)
      }
      decided()
    },
    /** Whether this node holds anything of it. */
    concerns: (coordinator: NodeId): boolean => table.coordinators().has(coordinator) || outbox.coordinators().has(coordinator),
    granted({ src, body }: MessageOf<'lease.grant'>): void {
      const until = untilOf({ boot, at: clock.now() }, body.from, body.leaseMs) ?? 0
      for (const ref of body.held) {
        const held = table.get(idOf(ref))
        if (held === undefined || held.coordinator !== src || held.until === Number.POSITIVE_INFINITY) continue
        held.until = Math.max(held.until, until)
        if (until > 0) held.asks = false
        jobs.heard(held.job, src)
      }
      for (const ref of body.noted) outbox.noted(idOf(ref), src)
      decided()
    },
    async cancelled({ src, job = '', body }: MessageOf<'task.cancel'>): Promise<void> {
      for (const { task, attempt, term } of body.tasks) {
        const id = idOf({ job, task, term, attempt })
        const held = table.get(id)
        if (held !== undefined && held.coordinator === src) await end(held)
        outbox.noted(id, src)
      }
      decided()
    },
    async closed({ src, job = '' }: MessageOf<'job.close'>): Promise<void> {
      for (const held of table.ofJob(job)) if (held.coordinator === src) await end(held)
      decided()
      outbox.closeJob(job, src)
      await jobs.close(job, src)
    },
  }
}
