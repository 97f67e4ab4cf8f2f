/** A worker that waits is woken by whatever may give it a job, and by nothing else. */
import t from 'tap'
import { open } from './open.ts'

const look = { member: '0', score: 0 }
const seconds = 30

t.test('a wait ends at once when something is there, and when it comes', async (t) => {
  const { Queue, backend } = open(t)
  const queue = new Queue('tasks', { connection: {} })
  const worker = backend('tasks')
  const wait = worker.waitForJob(seconds)
  await queue.add('x', {})
  t.same(await wait, look)
  t.same(await worker.waitForJob(seconds), look)
})

t.test('what comes before the wait in the same turn is not lost', async (t) => {
  const { Queue, backend } = open(t)
  const queue = new Queue('tasks', { connection: {} })
  const worker = backend('tasks')
  await queue.waitUntilReady()
  for (let i = 0; i < 50; i += 1) {
    // The claim finds nothing, the job comes right after it, and only then the wait begins.
    const [claim] = await Promise.all([worker.moveToActive('t', ''), queue.add('x', {})])
    t.equal(claim[0], null)
    t.same(await worker.waitForJob(seconds), look)
    t.equal((await worker.moveToActive('t', '')).length, 4)
  }
})

t.test('a wait ends when a delayed job is due, also one that comes later and is due sooner', async (t) => {
  const { Queue, backend } = open(t)
  const queue = new Queue('tasks', { connection: {} })
  const worker = backend('tasks')
  await queue.add('late', {}, { delay: 3_600_000 })
  const wait = worker.waitForJob(3600)
  await queue.add('soon', {}, { delay: 30 })
  t.same(await wait, look)
  const [job] = await worker.moveToActive('t', '')
  t.equal(job?.name, 'soon')
})

t.test('a paused queue wakes nobody; resumed, it does', async (t) => {
  const { Queue, backend } = open(t)
  const queue = new Queue('tasks', { connection: {} })
  const worker = backend('tasks')
  await queue.pause()
  let isUp = false
  const wait = worker.waitForJob(seconds).then((answer) => {
    isUp = true
    return answer
  })
  await queue.add('x', {})
  await queue.getJobCounts()
  t.equal(isUp, false)
  await queue.resume()
  t.same(await wait, look)
})

t.test("a job that ends makes room under the queue's own concurrency", async (t) => {
  const { Queue, Worker, backend } = open(t)
  const queue = new Queue('tasks', { connection: {} })
  await queue.setGlobalConcurrency(1)
  await queue.addBulk([1, 2].map((data) => ({ name: 'x', data })))
  const claimer = new Worker('tasks', null, { connection: {} })
  const job = await claimer.getNextJob('t')
  const wait = backend('tasks').waitForJob(seconds)
  await job?.moveToCompleted(null, 't', false)
  t.same(await wait, look)
})

t.test('a wait ends by itself after its time', async (t) => {
  t.equal(await open(t).backend('tasks').waitForJob(0.001), null)
})

t.test('disconnectBlocking ends the wait and those to come, with nothing to claim, until reconnectBlocking', async (t) => {
  const { Queue, backend } = open(t)
  const worker = backend('tasks')
  const wait = worker.waitForJob(seconds)
  await worker.disconnectBlocking()
  t.equal((await wait)?.score, Number.POSITIVE_INFINITY)
  await new Queue('tasks', { connection: {} }).add('x', {})
  t.equal((await worker.waitForJob(seconds))?.score, Number.POSITIVE_INFINITY)
  await worker.reconnectBlocking()
  t.same(await worker.waitForJob(seconds), look)
})
