/** A worker takes the next job: what is due is put in line first, then the first in line is its own until the lock runs out. */
import type { IQueueBackend, JobJson } from 'bullmq'
import type { BackendOptions } from './access.ts'
import type { Connection } from './connection.ts'
import { dueNext, promoteDue } from './delaying.ts'
import { SqliteQueueError } from './errors.ts'
import { firstJob, setMore, toJson, type WholeRow } from './jobs.ts'
import { limitedFor, useLimit } from './limits.ts'
import { isMaxed, isPaused } from './queue.ts'
import { ACTIVE, PRIORITIZED, WAIT } from './schema.ts'
import type { Turn } from './turn.ts'

/** `[job, id, rate-limited for (ms), next delayed job due at (ms)]`, as Worker reads it. */
export type Claim = [JobJson | null, string | number, number, number]

export interface Claimant {
  readonly token: string
  readonly worker: string | undefined
  readonly options: BackendOptions
}

/** A Worker claims again as soon as it is told of an error: on a disk that does not take it, it is told so late. @default 1_000 (ms) */
const againMs = 1_000

/** The words of BullMQ for a job that lost its worker once too often. */
export const stalledTooOften = 'job stalled more than allowable limit'

export function claiming(connection: Connection): Pick<IQueueBackend, 'moveToActive'> {
  const { run, options, store } = connection
  return {
    async moveToActive(token, name): Promise<Claim> {
      // The file is closed below a worker that is not: told so, it would try again 15 s later, and not close before.
      if (store.closed.aborted && connection.closing === undefined) return nothing
      try {
        return await run((turn) => claimNext(turn, { token, worker: name, options }))
      } catch (error) {
        if (error instanceof SqliteQueueError) await connection.rest(againMs).catch(() => {})
        throw error
      }
    },
  }
}

/** No job, no limit, none delayed. */
const nothing: Claim = [null, 0, 0, 0]

export function claimNext(turn: Turn, claimant: Claimant): Claim {
  const { queue, now } = turn
  const { limiter } = claimant.options
  promoteDue(turn)
  // The queue's own limit goes before the worker's; the worker's window before the queue's.
  const max = queue.meta.has('max') ? Number(queue.meta.get('max')) : limiter?.max
  const limitedMs = limitedFor(queue, max, now)
  if (limitedMs > 0) return [null, 0, limitedMs, 0]
  if (isPaused(queue) || isMaxed(queue)) return [null, 0, 0, 0]
  const row = nextInLine(turn)
  if (row === undefined) return [null, 0, 0, dueNext(turn) ?? 0]
  if (max !== undefined && row.deferred === null) useLimit(turn, limiter?.duration ?? Number(queue.meta.get('duration') ?? 0))
  return [toJson(take(turn, row, claimant)), row.id, 0, 0]
}

function nextInLine(turn: Turn): WholeRow | undefined {
  const { counts } = turn.queue
  if (counts[WAIT] > 0) return firstJob(turn, WAIT)
  if (counts[PRIORITIZED] > 0) return firstJob(turn, PRIORITIZED)
  return undefined
}

const takeIt = `UPDATE job SET state = ${ACTIVE}, a = NULL, b = NULL, begun = begun + 1, orphan = NULL, started = ?, worker = ? WHERE n = ?`

function take(turn: Turn, row: WholeRow, { token, worker, options }: Claimant): WholeRow {
  const { sql, now } = turn
  const name = worker ?? row.worker
  sql.run(takeIt, now, name, row.n)
  turn.move(row.state, ACTIVE)
  turn.hold(row.id, {
    n: row.n,
    prio: row.prio,
    made: row.made,
    hasMore: row.more !== null,
    hasLogs: row.logs > 0,
  })
  if (token !== '0') turn.lock(row.id, { token, until: now + (options.lockDuration ?? 30_000) })
  turn.say('active', row.id, 'waiting')
  const deferred = row.deferred ?? lateDeferral(turn, row, options)
  return { ...row, state: ACTIVE, a: null, begun: row.begun + 1, started: now, worker: name, deferred }
}

/** An orphan was counted as stalled at open, where nobody knew how often is too often. */
function lateDeferral(turn: Turn, row: WholeRow, { maxStalledCount }: BackendOptions): string | null {
  if (row.orphan === null || maxStalledCount === undefined || row.stalls <= maxStalledCount) return null
  setMore(turn, row, 'deferred', stalledTooOften)
  return stalledTooOften
}
