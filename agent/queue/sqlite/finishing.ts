/** The end of an attempt: done or failed for good, kept or forgotten, and the next job claimed in the same transaction. */
import type { IQueueBackend, MinimalJob } from 'bullmq'
import type { Access, Keep, KeepOption } from './access.ts'
import { type Claim, type Claimant, claimNext } from './claiming.ts'
import { put, removeJob, setFields, setMore } from './jobs.ts'
import { isMaxed, isPaused } from './queue.ts'
import { type Released, release } from './releasing.ts'
import { ACTIVE, COMPLETED, DELAYED, FAILED, PRIORITIZED, WAIT } from './schema.ts'
import type { Turn } from './turn.ts'

/** Jobs removed by age at one finish, as in BullMQ. */
const removedAtOnce = 1000

interface Finish {
  readonly job: MinimalJob
  readonly target: typeof COMPLETED | typeof FAILED
  /** The return value as JSON, or the reason of the failure. */
  readonly value: string
  readonly keep: Keep
  readonly fields: Record<string, unknown> | undefined
  readonly claimant: Claimant
  readonly fetchNext: boolean
}

export function finishing(access: Access): Pick<IQueueBackend, 'moveToCompleted' | 'moveToFailed'> {
  const { run, options } = access
  const finished = (given: Omit<Finish, 'claimant'>, token: string) =>
    run((turn) => {
      const claimant = { token, worker: options.name, options }
      // A backend that closes takes nothing more.
      return { result: finish(turn, { ...given, claimant, fetchNext: given.fetchNext && access.closing === undefined }), finishedOn: turn.now }
    })
  return {
    async moveToCompleted(job, returnValue, removeOnComplete, token, fetchNext) {
      const value = JSON.stringify(returnValue) ?? 'null'
      return finished({ job, target: COMPLETED, value, keep: keepOf(removeOnComplete, options.removeOnComplete), fields: undefined, fetchNext }, token)
    },
    async moveToFailed(job, failedReason, removeOnFail, token, fetchNext, fields) {
      // Whatever was thrown may have anything as its message.
      const value = String(failedReason ?? 'null')
      return finished({ job, target: FAILED, value, keep: keepOf(removeOnFail, options.removeOnFail), fields, fetchNext }, token)
    },
  }
}

/** What the job asks for, else what the worker does, else all are kept. */
function keepOf(ofJob: KeepOption | undefined, ofWorker: KeepOption | undefined): Keep {
  const wanted = ofJob ?? ofWorker
  if (typeof wanted === 'object') return wanted
  if (typeof wanted === 'number') return { count: wanted }
  return { count: wanted ? 0 : -1 }
}

function finish(turn: Turn, finish: Finish): Claim | [] {
  const { queue } = turn
  const { job, target, value, keep, claimant } = finish
  const id = job.id ?? ''
  const held = release(turn, id, { token: claimant.token, command: 'moveToFinished', fields: finish.fields })
  turn.maxEvents()
  const made = held.made + 1
  if (keep.count === 0) removeJob(turn, held, held)
  else retain(turn, held, finish)
  turn.say(target === COMPLETED ? 'completed' : 'failed', id, value)
  if (target === FAILED && made >= (job.opts.attempts ?? 0)) turn.say('retries-exhausted', id, String(made))
  if (finish.fetchNext) {
    const claim = claimNext(turn, claimant)
    if (claim[0] !== null || claim[2] > 0 || isPaused(queue) || isMaxed(queue) || queue.counts[DELAYED] > 0) return claim
  }
  if (queue.counts[WAIT] + queue.counts[ACTIVE] + queue.counts[PRIORITIZED] === 0) turn.say('drained')
  return []
}

const countAttempt = 'UPDATE job SET made = made + 1 WHERE n = ?'
const forgetDeferral = 'UPDATE more SET deferred = NULL WHERE n = ?'

function retain(turn: Turn, held: Released, { target, value, keep, fields }: Finish): void {
  const { sql, now } = turn
  put(turn, held, { state: target, a: now, b: null })
  sql.run(countAttempt, held.n)
  setFields(turn, held, fields)
  setMore(turn, held, target === COMPLETED ? 'returnvalue' : 'failedReason', value)
  if (target === FAILED) sql.run(forgetDeferral, held.n)
  if (keep.age !== undefined) removeOlder(turn, target, now - keep.age * 1000, keep.limit ?? removedAtOnce)
  if (keep.count !== undefined && keep.count > 0) removeBeyond(turn, target, keep.count)
}

const older = 'SELECT n, id FROM job WHERE q = ? AND state = ? AND a <= ? ORDER BY a DESC, id DESC LIMIT ?'
const beyond = 'SELECT n, id FROM job WHERE q = ? AND state = ? AND a IS NOT NULL ORDER BY a DESC, id DESC LIMIT -1 OFFSET ?'

function removeOlder(turn: Turn, state: Finish['target'], time: number, limit: number): void {
  for (const { n, id } of turn.sql.all(older, turn.queue.q, state, time, limit)) removeJob(turn, { n: Number(n), id: String(id), state })
}

function removeBeyond(turn: Turn, state: Finish['target'], count: number): void {
  if (turn.queue.counts[state] <= count) return
  for (const { n, id } of turn.sql.all(beyond, turn.queue.q, state, count)) removeJob(turn, { n: Number(n), id: String(id), state })
}
