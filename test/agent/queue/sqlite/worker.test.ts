/** Real workers on one file: each job once, limits kept, lost locks found, ends told to whoever waits for them. */
import { once } from 'node:events'
import t from 'tap'
import { open } from './open.ts'

const connection = {}

t.test('three workers with four hands each run 500 jobs once each, and each end is told', async (t) => {
  const { Queue, QueueEvents, Worker } = open(t)
  const queue = new Queue('tasks', { connection })
  const events = new QueueEvents('tasks', { connection })
  events.setMaxListeners(0)
  queue.setMaxListeners(0)
  const ran: unknown[] = []
  const workers = [1, 2, 3].map(() => new Worker('tasks', async ({ data }) => data * ran.push(data), { connection, concurrency: 4 }))
  const jobs = await queue.addBulk(Array.from({ length: 500 }, (_, data) => ({ name: 'x', data })))
  const results = await Promise.all(jobs.map((job) => job.waitUntilFinished(events)))
  t.equal(new Set(ran).size, 500)
  t.equal(ran.length, 500)
  t.same(new Set(results), new Set(ran.map((data, index) => Number(data) * (index + 1))))
  t.match(await queue.getJobCounts(), { active: 0, waiting: 0, completed: 500 })
  await Promise.all([...workers, events, queue].map((one) => one.close()))
})

t.test('a job whose worker does not renew its lock is given to another, and ends once', async (t) => {
  const { Queue, QueueEvents, Worker } = open(t)
  const queue = new Queue('tasks', { connection })
  const events = new QueueEvents('tasks', { connection })
  await events.waitUntilReady()
  const never = Promise.withResolvers<string>()
  const quiet = new Worker('tasks', () => never.promise, { connection, lockDuration: 20, skipLockRenewal: true, skipStalledCheck: true })
  const error = once(quiet, 'error')
  const active = once(quiet, 'active')
  const job = await queue.add('x', {})
  await active
  const other = new Worker('tasks', async () => 'by the other', { connection, stalledInterval: 30, autorun: false })
  const stalled = once(events, 'stalled')
  const running = other.run()
  t.match(await stalled, [{ jobId: job.id }])
  t.equal(await job.waitUntilFinished(events), 'by the other')
  never.resolve('by the quiet one')
  t.match(await error, [{ code: -2, message: 'Missing lock for job 1. moveToFinished' }])
  await quiet.close()
  await other.close()
  await running
  t.match(await queue.getJob('1'), { returnvalue: 'by the other', attemptsMade: 1, attemptsStarted: 2, stalledCounter: 1 })
  await Promise.all([events.close(), queue.close()])
})

t.test('no more than the limit of a window are begun in it', async (t) => {
  const { Queue, Worker } = open(t)
  const queue = new Queue('tasks', { connection })
  await queue.addBulk(Array.from({ length: 7 }, (_, data) => ({ name: 'x', data })))
  const begun: number[] = []
  const all = Promise.withResolvers<void>()
  const duration = 60
  const process = async ({ processedOn = 0 }: { processedOn?: number }) => {
    if (begun.push(processedOn) === 7) all.resolve()
  }
  const worker = new Worker('tasks', process, { connection, concurrency: 4, limiter: { max: 2, duration } })
  await all.promise
  await worker.close()
  const [first = 0, , third = 0, , fifth = 0, , seventh = 0] = begun
  const windows = [third - first, fifth - third, seventh - fifth]
  t.ok(Math.min(...windows) >= duration, `windows of ${windows} ms`)
})

t.test("the queue's own concurrency holds for all workers together", async (t) => {
  const { Queue, Worker } = open(t)
  const queue = new Queue('tasks', { connection })
  await queue.setGlobalConcurrency(2)
  let now = 0
  let most = 0
  let done = 0
  const all = Promise.withResolvers<void>()
  const process = async () => {
    most = Math.max(most, ++now)
    await queue.getJobCounts()
    now -= 1
    if (++done === 60) all.resolve()
  }
  const workers = [1, 2].map(() => new Worker('tasks', process, { connection, concurrency: 4 }))
  await queue.addBulk(Array.from({ length: 60 }, (_, data) => ({ name: 'x', data })))
  await all.promise
  t.equal(most, 2)
  await Promise.all(workers.map((worker) => worker.close()))
})

t.test('texts come back as they were, whatever is in them', async (t) => {
  const { Queue, Worker } = open(t)
  const queue = new Queue('tasks', { connection })
  const text = 'a\0b "ü" \n \u{1f600}'
  const worker = new Worker('tasks', null, { connection, name: 'hand' })
  const { id = '' } = await queue.add(text, { text })
  const job = await worker.getNextJob('t')
  await job?.log(text)
  await job?.updateProgress({ text })
  await job?.moveToFailed(new Error(text), 't')
  t.match(await queue.getJob(id), { name: text, data: { text }, progress: { text }, failedReason: text })
  t.same((await queue.getJobLogs(id)).logs, [text])
  t.same(await queue.getBackend().isFinished(id, true), [2, text])
  await t.rejects(queue.add('x', {}, { jobId: 'a\0b' }), { code: 'NOT_SUPPORTED' })
  await worker.close()
})

t.test('who works and who listens is listed, and no longer when closed', async (t) => {
  const { Queue, QueueEvents, Worker } = open(t)
  const queue = new Queue('tasks', { connection })
  const events = new QueueEvents('tasks', { connection })
  const workers = [
    new Worker('tasks', null, { connection, name: 'first hand' }),
    new Worker('tasks', null, { connection }),
    new Worker('others', null, { connection }),
  ]
  const names = async () => (await queue.getWorkers()).map(({ rawname }) => rawname).sort()
  t.same(await names(), ['bull:dGFza3M=', 'bull:dGFza3M=:w:first_hand'])
  t.equal((await queue.getQueueEvents()).length, 1)
  await Promise.all([events.close(), ...workers.map((worker) => worker.close())])
  t.same(await names(), [])
  t.equal((await queue.getQueueEvents()).length, 0)
})
