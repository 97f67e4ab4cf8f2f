/** Another attempt: an active job goes back in line, at once or after a while; a finished one begins anew. */
import type { IQueueBackend } from 'bullmq'
import type { Access } from './access.ts'
import { type Claim, claimNext } from './claiming.ts'
import { JOB_MISSING, NOT_IN_STATE, refusal } from './codes.ts'
import { placeAt, promoteDue } from './delaying.ts'
import { findJob, placeInLine, put, setFields } from './jobs.ts'
import { ttl } from './limits.ts'
import { release, releaseIfActive } from './releasing.ts'
import { COMPLETED, FAILED } from './schema.ts'
import type { Turn } from './turn.ts'

/** So many at most in one step, so that the event loop is soon free again; BullMQ calls until none is left. */
const retriedAtOnce = 500

type Part = Pick<IQueueBackend, 'retryJob' | 'moveToDelayed' | 'moveJobFromActiveToWait' | 'retryFinishedJob' | 'retryFinishedJobs'>
type DelayOptions = NonNullable<Parameters<IQueueBackend['moveToDelayed']>[4]>
type Fresh = NonNullable<Parameters<IQueueBackend['retryFinishedJob']>[2]>

export function retrying(access: Access): Part {
  const { run, options } = access
  return {
    retryJob: (jobId, lifo, token = '0', more = {}) => run((turn) => retry(turn, jobId, lifo === true, token, more.fieldsToUpdate)),
    moveToDelayed: (jobId, timestamp, delay, token = '0', more = {}) =>
      run((turn) => {
        delayAttempt(turn, jobId, { timestamp, delay, token, more })
        if (!more.fetchNext || access.closing !== undefined) return []
        const claim: Claim = claimNext(turn, { token, worker: options.name, options })
        return claim[0] === null ? [] : claim
      }),
    moveJobFromActiveToWait: (jobId, token = '0') => run((turn) => backToWait(turn, jobId, token)),
    retryFinishedJob: (job, state, fresh = {}) => run((turn) => reprocess(turn, job.id ?? '', state, job.opts.lifo === true, fresh)),
    retryFinishedJobs: (state = 'failed', count = 1000, timestamp = Date.now()) => run((turn) => reprocessMany(turn, state, count, timestamp)),
  }
}

const countAttempt = 'UPDATE job SET made = made + 1 WHERE n = ?'

function retry(turn: Turn, id: string, lifo: boolean, token: string, fields: Record<string, unknown> | undefined): void {
  // What is due goes in line even when the job may not.
  promoteDue(turn)
  const held = release(turn, id, { token, command: 'retryJob', fields })
  setFields(turn, held, fields)
  put(turn, held, placeInLine(turn, held.prio, lifo && held.prio === 0 ? 'front' : 'back'))
  turn.sql.run(countAttempt, held.n)
  turn.maxEvents()
  turn.say('waiting', id, 'active')
}

interface Delay {
  readonly timestamp: number
  readonly delay: number
  readonly token: string
  readonly more: DelayOptions
}

function delayAttempt(turn: Turn, id: string, { timestamp, delay, token, more }: Delay): void {
  const held = release(turn, id, { token, command: 'moveToDelayed', fields: more.fieldsToUpdate })
  setFields(turn, held, more.fieldsToUpdate)
  const due = delay > 0 ? timestamp + delay : timestamp
  put(turn, held, placeAt(turn, due))
  turn.sql.run('UPDATE job SET delay = ?, made = made + ? WHERE n = ?', delay, more.skipAttempt ? 0 : 1, held.n)
  turn.delayed(due)
  turn.maxEvents()
  turn.say('delayed', id, String(due))
}

/** The job met a rate limit: no attempt is counted, and it is the first in its line again. */
function backToWait(turn: Turn, id: string, token: string): number {
  const held = releaseIfActive(turn, id, { token, command: 'moveJobFromActiveToWait' })
  if (held !== undefined) {
    put(turn, held, placeInLine(turn, held.prio, 'front'))
    turn.maxEvents()
    turn.say('waiting', id, 'active')
  }
  return ttl(turn.queue, turn.now)
}

const ofState = { completed: COMPLETED, failed: FAILED } as const
type Finished = keyof typeof ofState

const restart = {
  completed: 'UPDATE more SET returnvalue = NULL WHERE n = ?',
  failed: 'UPDATE more SET failedReason = NULL WHERE n = ?',
}

function reprocess(turn: Turn, id: string, state: Finished, lifo: boolean, { resetAttemptsMade, resetAttemptsStarted }: Fresh): void {
  const { sql } = turn
  const refused = { id, command: 'reprocessJob', state }
  const job = findJob(turn, id)
  if (job === undefined) throw refusal(JOB_MISSING, refused)
  if (job.state !== ofState[state]) throw refusal(NOT_IN_STATE, refused)
  put(turn, job, placeInLine(turn, job.prio, lifo && job.prio === 0 ? 'front' : 'back'))
  sql.run('UPDATE job SET started = NULL, made = made * ?, begun = begun * ? WHERE n = ?', resetAttemptsMade ? 0 : 1, resetAttemptsStarted ? 0 : 1, job.n)
  sql.run(restart[state], job.n)
  turn.maxEvents()
  turn.say('waiting', id, state)
}

/** As in BullMQ, all go to the line of priority 0, and keep their attempts. */
function reprocessMany(turn: Turn, state: Finished, count: number, timestamp: number): number {
  const { sql, queue } = turn
  const most = Math.min(count, retriedAtOnce)
  const from = ofState[state]
  const rows = sql.all('SELECT n, id FROM job WHERE q = ? AND state = ? AND a <= ? ORDER BY a, id LIMIT ?', queue.q, from, timestamp, most)
  if (rows.length > 0) turn.maxEvents()
  for (const row of rows) {
    const job = { n: Number(row.n), id: String(row.id), state: from }
    put(turn, job, placeInLine(turn, 0, 'back'))
    sql.run('UPDATE job SET started = NULL WHERE n = ?', job.n)
    sql.run(restart[state], job.n)
    turn.say('waiting', job.id, state)
  }
  return rows.length >= most ? 1 : 0
}
