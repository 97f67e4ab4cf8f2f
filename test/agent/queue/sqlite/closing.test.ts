/** Every call can be ended by close, and none is heard of afterwards. */
import { once } from 'node:events'
import t from 'tap'
import { open } from './open.ts'

const unhandled: unknown[] = []
process.on('unhandledRejection', (reason) => unhandled.push(reason))
const turn = () => new Promise((resolve) => setImmediate(resolve))

const closed = { message: 'Connection is closed.', code: 'CLOSED' }

t.test('what was called before is done; what is called later is refused', async (t) => {
  const { Queue, backend } = open(t)
  const queue = new Queue('tasks', { connection: {} })
  const adds = Array.from({ length: 10 }, () => queue.add('x', {}))
  await queue.close()
  t.same(
    (await Promise.all(adds)).map(({ id }) => id),
    ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10'],
  )
  await t.rejects(queue.add('x', {}), closed)
  await t.rejects(queue.waitUntilReady(), closed)
  t.same(await backend('tasks').getCounts(['waiting']), [10], 'another one goes on')
})

t.test('waits end: for a job, for events', async (t) => {
  const { backend } = open(t)
  const one = backend('tasks')
  const waits = Promise.all([one.waitForJob(3600), one.readEvents('$', 0)])
  await one.close()
  t.same(await waits, [{ member: '', score: Number.POSITIVE_INFINITY }, null])
  await t.rejects(one.waitForJob(1), closed)
  await t.rejects(one.readEvents('$', 0), closed)
})

t.test('a worker that waits, one that works, and listeners close in order', async (t) => {
  const { Queue, QueueEvents, Worker, factory } = open(t)
  const queue = new Queue('tasks', { connection: {} })
  const events = new QueueEvents('tasks', { connection: {} })
  const begun = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const works = new Worker(
    'tasks',
    async () => {
      begun.resolve()
      await go.promise
    },
    { connection: {} },
  )
  const waits = new Worker('others', async () => {}, { connection: {} })
  await once(waits, 'drained')
  const job = await queue.add('x', {})
  await begun.promise
  const closing = works.close()
  go.resolve()
  await Promise.all([closing, waits.close(), events.close()])
  t.equal(await job.getState(), 'completed')
  await queue.close()
  await factory.close()
})

t.test('the file closed below them, workers and listeners are quiet, and closing them works', async (t) => {
  const { Queue, QueueEvents, Worker, factory } = open(t)
  const queue = new Queue('tasks', { connection: {} })
  const events = new QueueEvents('tasks', { connection: {} })
  const worker = new Worker('tasks', async () => {}, { connection: {} })
  const errors: unknown[] = []
  const heard = (error: Error) => void errors.push(error)
  queue.on('error', heard)
  events.on('error', heard)
  worker.on('error', heard)
  await once(worker, 'drained')
  await factory.close()
  await t.rejects(queue.add('x', {}), closed)
  await turn()
  await worker.close(true)
  await Promise.all([events.close(), queue.close()])
  t.same(errors, [])
})

t.test('the file closed below it, a worker closes at once: idle, at work, or about to claim', async (t) => {
  for (const concurrency of [1, 3]) {
    for (const state of ['idle', 'at work', 'new', 'after a rest'] as const) {
      const { Queue, Worker, factory } = open(t)
      const queue = new Queue('tasks', { connection: {} })
      const begun = Promise.withResolvers<void>()
      const go = Promise.withResolvers<void>()
      const process = async () => {
        begun.resolve()
        await go.promise
      }
      const worker = new Worker('tasks', process, { connection: {}, concurrency })
      worker.on('error', () => {})
      if (state === 'idle' || state === 'after a rest') await once(worker, 'drained')
      if (state === 'at work') {
        await queue.addBulk([
          { name: 'x', data: {} },
          { name: 'y', data: {} },
        ])
        await begun.promise
      }
      await factory.close()
      go.resolve()
      if (state === 'after a rest') for (let round = 0; round < 5; round += 1) await turn()
      const began = performance.now()
      await worker.close()
      const ms = performance.now() - began
      t.ok(ms < 2_000, `${state}, ${concurrency} at once: ${ms.toFixed()} ms`)
      await queue.close()
    }
  }
})

t.test('a job that ends after its worker was closed by force changes nothing', async (t) => {
  const { Queue, Worker } = open(t)
  const queue = new Queue('tasks', { connection: {} })
  const begun = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const process = async () => {
    begun.resolve()
    await go.promise
  }
  const worker = new Worker('tasks', process, { connection: {} })
  const job = await queue.add('x', {})
  await begun.promise
  await worker.close(true)
  go.resolve()
  await turn()
  await turn()
  t.equal(await job.getState(), 'active')
})

t.test('disconnect ends the read under way, not the next', async (t) => {
  const { backend } = open(t)
  const one = backend('tasks')
  const read = one.readEvents('$', 0)
  await one.disconnect()
  t.equal(await read, null)
  const next = one.readEvents('$', 0)
  await one.publishEvent({ event: 'mine', is: 1 }, 10)
  t.same(
    (await next)?.[0]?.[1].map(([, fields]) => fields),
    [['event', 'mine', 'is', '1']],
  )
})

t.test('a sibling lives as long as the file', async (t) => {
  const { backend } = open(t)
  const one = backend('tasks')
  const other = one.forQueue('others')
  t.equal(other.qualifiedName, 'bull:others')
  await other.close()
  await one.close()
  t.same(await other.getCounts(['waiting']), [0])
})

t.test('none of that left a rejection that nobody reads', async (t) => {
  await turn()
  t.same(unhandled, [])
})
