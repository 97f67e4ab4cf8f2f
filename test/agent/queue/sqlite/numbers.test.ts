/** Numbers that are none, or not whole: what Redis refuses is refused here, in words; what it takes gives the same. */
import { readdirSync } from 'node:fs'
import { Queue as BullQueue, createRedisBackend, type IQueueBackend, type Queue, withBackend } from 'bullmq'
import t from 'tap'
import { createSqliteBackend } from '../../../../agent/queue/sqlite/backend.ts'
import { startRedis } from '../../../services/redis.ts'
import { needs } from '../../../services.ts'
import { folder } from './open.ts'

interface Row {
  readonly title: string
  readonly on: (queue: AnyQueue) => Promise<unknown>
  /** What SQLite says; undefined: both give the same. */
  readonly refused?: RegExp
  /** Redis takes it, and keeps what no later call can use. */
  readonly isTaken?: true
}
type AnyQueue = Pick<Queue, 'add' | 'getJob' | 'getJobs' | 'rateLimit' | 'getRateLimitTtl' | 'addJobLog' | 'getJobLogs'> & {
  readonly clear: (id: string, keep: number) => Promise<void>
}

const id = async (queue: AnyQueue, options = {}) => (await queue.add('x', {}, options)).id ?? ''
const logged = async (queue: AnyQueue, keep: number) => {
  const job = await id(queue)
  await queue.addJobLog(job, 'a')
  return [await queue.addJobLog(job, 'b', keep), await queue.getJobLogs(job)]
}
const prioritized = async (queue: AnyQueue, priority: number) => {
  for (const options of [{ priority: 1 }, { priority: 2, jobId: 'moved' }, { priority: 1 }]) await queue.add('x', {}, options)
  await (await queue.getJob('moved'))?.changePriority({ priority })
  return (await queue.getJobs(['prioritized'], 0, -1, true)).map((job) => [job.id, job.priority])
}
const changed = async (queue: AnyQueue, delay: number) => (await queue.getJob(await id(queue, { delay: 100_000 })))?.changeDelay(delay)

const rows: readonly Row[] = [
  { title: 'a delay NaN', on: (queue) => id(queue, { delay: Number.NaN }), refused: /delay is NaN/ },
  { title: 'a delay without end', on: (queue) => id(queue, { delay: Number.POSITIVE_INFINITY }), refused: /delay is Infinity/ },
  { title: 'a priority NaN', on: (queue) => id(queue, { priority: Number.NaN }), refused: /priority is NaN/ },
  { title: 'a time NaN', on: (queue) => id(queue, { timestamp: Number.NaN }), refused: /timestamp is NaN/ },
  { title: 'a delay below 0', on: async (queue) => (await queue.getJob(await id(queue, { delay: -5 })))?.delay },
  { title: 'a rate limit NaN', on: (queue) => queue.rateLimit(Number.NaN), refused: /rate limit \(ms\) is NaN/ },
  { title: 'a rate limit below 0', on: (queue) => queue.rateLimit(-5), refused: /rate limit \(ms\) is -5/ },
  { title: 'a rate limit of 0', on: (queue) => queue.rateLimit(0), refused: /rate limit \(ms\) is 0/ },
  { title: 'a rate limit of part of a millisecond', on: (queue) => queue.rateLimit(1.5), refused: /rate limit \(ms\) is 1.5/ },
  { title: 'logs kept: below 0', on: (queue) => logged(queue, -1), refused: /keepLogs is -1/ },
  { title: 'logs kept: a half', on: (queue) => logged(queue, 1.5), refused: /keepLogs is 1.5/ },
  { title: 'logs kept: NaN', on: (queue) => logged(queue, Number.NaN) },
  { title: 'logs cleared but for a half', on: async (queue) => queue.clear(await id(queue), 1.5), refused: /keepLogs is 1.5/ },
  { title: 'a priority changed to NaN', on: (queue) => prioritized(queue, Number.NaN), refused: /priority is NaN/ },
  { title: 'a priority changed to a half', on: (queue) => prioritized(queue, 1.5) },
  { title: 'a delay changed to NaN', on: (queue) => changed(queue, Number.NaN), refused: /delay is NaN/, isTaken: true },
]

const outcome = (call: Promise<unknown>) =>
  call.then(
    (value) => ({ value }),
    (error: Error) => ({ error }),
  )

t.test('as on Redis', async (t) => {
  const program = needs(t, 'redis-server')
  if (program === undefined) return
  const { port } = await startRedis(t, { program })
  const factory = createSqliteBackend({ path: ':memory:' })
  t.teardown(() => factory.close())
  const { Queue: SqliteQueue } = withBackend(factory)
  for (const [index, { title, on, refused, isTaken }] of rows.entries()) {
    const redis = new BullQueue(`q${index}`, { connection: { host: '127.0.0.1', port } }, createRedisBackend)
    const sqlite = new SqliteQueue(`q${index}`, { connection: {} })
    const [theirs, ours] = [await outcome(on(clearing(redis))), await outcome(on(clearing(sqlite)))]
    if (refused === undefined) t.same(ours, theirs, title)
    else {
      t.match(ours, { error: { name: 'RangeError', message: refused } }, title)
      t.equal('value' in theirs, isTaken === true, `${title}: Redis too`)
    }
    await redis.close()
    await sqlite.close()
  }
})

/** `Queue` has no call for it; its backend has. */
function clearing(queue: { getBackend(): IQueueBackend }): AnyQueue {
  return Object.assign(queue as unknown as AnyQueue, { clear: (id: string, keep: number) => queue.getBackend().clearLogs(id, keep) })
}

t.test('a durability that is none is refused before a file is made', async (t) => {
  const home = folder(t)
  const durability: string = 'x'
  t.throws(() => createSqliteBackend({ path: `${home}/queue.db`, durability: durability as 'full' }), {
    code: 'NOT_SUPPORTED',
    message: /"x"/,
    hint: /normal, full/,
  })
  t.same(readdirSync(home), [])
})
