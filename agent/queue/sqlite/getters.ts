/** What there is: jobs by id, how many in which state, in which order. */
import type { IQueueBackend } from 'bullmq'
import type { Access } from './access.ts'
import { rangeOf } from './fields.ts'
import { findJob, findWhole, toJson } from './jobs.ts'
import { ACTIVE, COMPLETED, DELAYED, FAILED, PRIORITIZED, type State, stateNames, stateOf, WAIT } from './schema.ts'
import type { Turn } from './turn.ts'
import { textOut } from './words.ts'

type Part = Pick<
  IQueueBackend,
  | 'getJobData'
  | 'getState'
  | 'isJobInState'
  | 'isFinished'
  | 'getCounts'
  | 'getCountsPerPriority'
  | 'getRanges'
  | 'removeOrphanedJobs'
  | 'removeDeprecatedPriorityKey'
>

export function getters({ run }: Access, toKey: (type: string) => string): Part {
  return {
    getJobData: (jobId) =>
      run((turn) => {
        const whole = findWhole(turn, jobId)
        return whole === undefined ? undefined : toJson(whole)
      }),
    getState: (jobId) =>
      run((turn) => {
        const job = findJob(turn, jobId)
        if (job === undefined) return 'unknown'
        return job.state === WAIT ? 'waiting' : stateNames[job.state]
      }),
    async isJobInState(state, jobId) {
      const wanted = stateOf(state)
      if (wanted === undefined && !neverThere.has(state)) throw new Error(`Unknown job state: ${state}`)
      return run((turn) => wanted !== undefined && findJob(turn, jobId)?.state === wanted)
    },
    isFinished: (jobId, returnValue) => run((turn) => finishOf(turn, jobId, returnValue === true, toKey)),
    getCounts: (types, delayedBefore) => run((turn) => types.map((type) => countOf(turn, type, delayedBefore))),
    getCountsPerPriority: (priorities) => run((turn) => priorities.map((priority) => countOfPriority(turn, priority))),
    // Redis answers lists of ids; the declared type is narrower than what Queue reads.
    getRanges: (types, start = 0, end = 1, asc = false) => run((turn) => types.map((type) => rangeOfState(turn, type, { start, end, asc })) as [string][]),
    // What belongs to a job goes with it, in one transaction: there are no orphaned rows, and there never was such a key.
    removeOrphanedJobs: () => run(() => 0),
    removeDeprecatedPriorityKey: () => run(() => 0),
  }
}

/** States that BullMQ asks for and no job of this backend is ever in. */
const neverThere = new Set(['paused', 'waiting-children'])

function finishOf(turn: Turn, id: string, withValue: boolean, toKey: (type: string) => string): number | [number, string] {
  const job = findWhole(turn, id)
  if (job === undefined) return withValue ? [-1, `Missing key for job ${toKey(id)}. isFinished`] : -1
  const code = job.state === COMPLETED ? 1 : job.state === FAILED ? 2 : 0
  if (!withValue) return code
  const value = (code === 0 ? undefined : code === 1 ? job.returnvalue : job.failedReason && textOut(job.failedReason)) ?? undefined
  // As Redis, which ends an answer where there is nothing to say.
  return (value === undefined ? [code] : [code, value]) as [number, string]
}

function countOf({ queue, sql }: Turn, type: string, delayedBefore: number | undefined): number {
  const state = stateOf(type)
  if (state === undefined) return 0
  if (state !== DELAYED || delayedBefore === undefined) return queue.counts[state]
  return Number(sql.get(`SELECT count(*) AS count FROM job WHERE q = ? AND state = ${DELAYED} AND a < ?`, queue.q, delayedBefore)?.count)
}

function countOfPriority({ queue, sql }: Turn, priority: number): number {
  if (priority === 0) return queue.counts[WAIT]
  return Number(sql.get(`SELECT count(*) AS count FROM job WHERE q = ? AND state = ${PRIORITIZED} AND a = ?`, queue.q, priority)?.count)
}

interface Range {
  readonly start: number
  readonly end: number
  readonly asc: boolean
}

/** Ids, as Redis has them: lists (wait, active) from the newest to the oldest, whichever end is counted from; sorted sets either way. */
function rangeOfState(turn: Turn, type: string, { start, end, asc }: Range): string[] {
  const state = stateOf(type)
  if (state === undefined) return []
  const length = turn.queue.counts[state]
  if (state !== WAIT && state !== ACTIVE) return idsOf(turn, state, rangeOf(length, start, end), asc ? 'a, b, id' : 'a DESC, b DESC, id DESC')
  // BullMQ's script gives the newest for a range beyond the oldest, and its Queue takes care not to ask: here nothing is there.
  if (asc && start >= length) return []
  const range = asc ? rangeOf(length, fromEnd(end), fromEnd(start)) : rangeOf(length, start, end)
  if (state === WAIT) return idsOf(turn, state, range, 'a DESC, b DESC, id DESC')
  return [...turn.queue.active.keys()].reverse().slice(range.offset, range.offset + range.count)
}

function fromEnd(index: number): number {
  return index === -1 ? 0 : -(index + 1)
}

function idsOf({ sql, queue }: Turn, state: State, { count, offset }: { count: number; offset: number }, order: string): string[] {
  const rows = sql.all(`SELECT id FROM job WHERE q = ? AND state = ? AND a IS NOT NULL ORDER BY ${order} LIMIT ? OFFSET ?`, queue.q, state, count, offset)
  return rows.map(({ id }) => String(id))
}
