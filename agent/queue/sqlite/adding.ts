/** New jobs: an id that is there already adds nothing and says so; the others go in line, or wait for their time. */
import type { IQueueBackend, JobJson } from 'bullmq'
import type { Access } from './access.ts'
import { placeAt } from './delaying.ts'
import { NotSupportedError } from './errors.ts'
import { findJob, type Place, placeInLine } from './jobs.ts'
import { finite } from './numbers.ts'
import { numberOf } from './queue.ts'
import { perQueue } from './schema.ts'
import type { Turn } from './turn.ts'
import { textIn } from './words.ts'

type ParentOptions = Parameters<IQueueBackend['addJob']>[2]

/** Jobs of one bulk that are added in one transaction, all or none: a larger bulk goes in several, so that the event loop stays free. */
const addedAtOnce = 500

export function adding({ run }: Access): Pick<IQueueBackend, 'addJob' | 'addJobs'> {
  return {
    async addJob(job, jobId, parentOptions) {
      supported(job, jobId, parentOptions)
      return run((turn) => add(turn, job, jobId))
    },
    async addJobs(entries) {
      for (const { job, jobId, parentKeyOpts } of entries) supported(job, jobId, parentKeyOpts)
      const steps = []
      for (let at = 0; at < entries.length; at += addedAtOnce) {
        const step = entries.slice(at, at + addedAtOnce)
        steps.push(run((turn) => step.map(({ job, jobId }) => add(turn, job, jobId))))
      }
      return (await Promise.all(steps)).flat()
    },
  }
}

/** Nothing that a job asks for is left out in silence. @throws RangeError a number that is none */
function supported(job: JobJson, id: string | undefined, parentOptions: ParentOptions): void {
  for (const [name, value] of Object.entries({ timestamp: job.timestamp, ...job.opts })) if (typeof value === 'number') finite(name, value)
  if (id?.includes('\0')) throw new NotSupportedError('A NUL character in a job id')
  if (job.deduplicationId !== undefined || job.opts.deduplication !== undefined) throw new NotSupportedError('De-duplication (`opts.deduplication`)')
  if (job.parentKey !== undefined || job.opts.parent !== undefined) throw new NotSupportedError('A flow (`opts.parent`)')
  if (parentOptions?.addToWaitingChildren || parentOptions?.parentKey) throw new NotSupportedError('A flow')
  if (job.repeatJobKey !== undefined || 'repeat' in job.opts) throw new NotSupportedError('A job scheduler (`opts.repeat`)')
}

const insertJob = 'INSERT INTO job (n, q, state, a, b, id, own, ts, delay, prio) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'
const insertBody = 'INSERT INTO body (n, name, data, opts) VALUES (?, ?, ?, ?)'

function add(turn: Turn, job: JobJson, given: string | undefined): string {
  const { sql, queue } = turn
  const count = turn.nextId()
  turn.maxEvents()
  const id = given ? given : String(count)
  // A number may be one that the queue gave: the index of given ids does not know those.
  if (given && numberOf(queue, given) !== undefined && findJob(turn, given) !== undefined) return duplicated(turn, given)
  const n = queue.q * perQueue + count
  const { opts, timestamp } = job
  const delay = opts.delay ?? 0
  const place = placeOf(turn, job)
  const own = numberOf(queue, id) === n ? null : 1
  const { changes } = sql.run(insertJob, n, queue.q, place.state, place.a, place.b, id, own, timestamp, delay, opts.priority ?? 0)
  if (changes === 0) return duplicated(turn, id)
  sql.run(insertBody, n, textIn(String(job.name)), job.data, JSON.stringify(opts))
  turn.move(undefined, place.state)
  turn.say('added', id, String(job.name))
  if (isDelayed(job)) {
    turn.delayed(place.a)
    turn.say('delayed', id, String(timestamp + delay))
  } else turn.say('waiting', id)
  return id
}

function duplicated(turn: Turn, id: string): string {
  turn.say('duplicated', id)
  return id
}

function isDelayed({ opts }: JobJson): boolean {
  return typeof opts.delay === 'number' && opts.delay > 0
}

function placeOf(turn: Turn, job: JobJson): Place {
  const { delay, priority, lifo } = job.opts
  if (isDelayed(job)) return placeAt(turn, job.timestamp + (delay ?? 0))
  if (priority) return placeInLine(turn, priority, 'back')
  return placeInLine(turn, 0, lifo ? 'front' : 'back')
}
