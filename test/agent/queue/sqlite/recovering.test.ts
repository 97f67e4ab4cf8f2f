/** What is found at open: orphans, counters, what a crash has left behind. A crash is a copy of the files while they are open. */
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { crashCopy, folder, type Opened, open } from './open.ts'

const hour = 3_600_000
const worker = { connection: {}, autorun: false, lockDuration: hour, stalledInterval: hour }

/** Four jobs, of which two are active: 'b' first, since it has come in front. */
async function crashed(t: Test): Promise<string> {
  const path = join(folder(t), 'queue.db')
  const { Queue, Worker } = open(t, path)
  const queue = new Queue('tasks', { connection: {} })
  await queue.add('a', {})
  await queue.add('b', {}, { lifo: true })
  await queue.add('c', {})
  await queue.add('d', {}, { priority: 5 })
  const claimer = new Worker('tasks', null, worker)
  for (const name of ['b', 'a']) t.equal((await claimer.getNextJob('t'))?.name, name)
  return crashCopy(path)
}

const waitingIn = async ({ Queue }: Opened) => (await new Queue('tasks', { connection: {} }).getJobs(['waiting'], 0, -1, true)).map(({ name }) => name)

t.test('what was active waits in front, in order, and is told of as stalled', async (t) => {
  const opened = open(t, await crashed(t))
  t.same(await waitingIn(opened), ['b', 'a', 'c'])
  const queue = new opened.Queue('tasks', { connection: {} })
  t.match(await queue.getJobCounts(), { active: 0, waiting: 3, prioritized: 1 })
  t.equal((await queue.getJob('2'))?.stalledCounter, 1)
  const events = (await opened.backend('tasks').readEvents('0-0', 1))?.[0]?.[1].map(([, fields]) => fields.join(' ')) ?? []
  t.same(events.filter((event) => /stalled/.test(event)).sort(), ['event stalled jobId 1', 'event stalled jobId 2'])
})

t.test('a worker that allows one stall runs an orphan, and says that it stalled', async (t) => {
  const { Worker } = open(t, await crashed(t))
  const ran: string[] = []
  const stalled: string[] = []
  const runner = new Worker('tasks', async ({ name }) => void ran.push(name), { ...worker, maxStalledCount: 1 })
  runner.on('stalled', (id) => stalled.push(id))
  const drained = once(runner, 'drained')
  const running = runner.run()
  await drained
  await runner.close()
  await running
  t.same(ran, ['b', 'a', 'c', 'd'])
  t.same(stalled, ['2', '1'])
})

t.test('a worker that allows none fails an orphan with the words of BullMQ, even after a second crash', async (t) => {
  const first = await crashed(t)
  open(t, first)
  const { Queue, Worker } = open(t, crashCopy(first))
  const queue = new Queue('tasks', { connection: {} })
  const runner = new Worker('tasks', async () => {}, { ...worker, maxStalledCount: 0 })
  const drained = once(runner, 'drained')
  const running = runner.run()
  await drained
  await runner.close()
  await running
  const failed = await queue.getFailed()
  t.same(failed.map(({ name, failedReason }) => [name, failedReason]).sort(), [
    ['a', 'job stalled more than allowable limit'],
    ['b', 'job stalled more than allowable limit'],
  ])
  t.equal(await queue.getCompletedCount(), 2)
})

t.test('no id is given twice: after a close they go on, after a crash some are left out', async (t) => {
  const path = join(folder(t), 'queue.db')
  const first = open(t, path)
  const queue = new first.Queue('tasks', { connection: {} })
  for (let i = 0; i < 3; i += 1) await queue.add('x', {})
  await queue.drain()
  await first.factory.close()
  const second = open(t, path)
  t.equal((await new second.Queue('tasks', { connection: {} }).add('x', {})).id, '4')
  const third = open(t, crashCopy(path))
  const id = Number((await new third.Queue('tasks', { connection: {} }).add('x', {})).id)
  t.ok(id > 4, `then ${id}`)
})

t.test('ids of events go on growing', async (t) => {
  const path = join(folder(t), 'queue.db')
  const idsIn = async ({ backend }: Opened) => (await backend('tasks').readEvents('0-0', 1))?.[0]?.[1].map(([id]) => id) ?? []
  const first = open(t, path)
  await new first.Queue('tasks', { connection: {} }).add('x', {})
  const second = open(t, crashCopy(path))
  await new second.Queue('tasks', { connection: {} }).add('x', {})
  const [before, after] = [await idsIn(first), await idsIn(second)]
  const ms = (id = '') => Number(id.split('-')[0])
  t.ok(before.length === 2 && after.length === 2 && ms(after[0]) >= ms(before.at(-1)), `${before} then ${after}`)
})

t.test('what jobs leave behind is gone: after a close, and after the open that follows a crash', async (t) => {
  const path = join(folder(t), 'queue.db')
  const first = open(t, path)
  const queue = new first.Queue('tasks', { connection: {} })
  await queue.addBulk(Array.from({ length: 20 }, (_, i) => ({ name: 'x', data: i })))
  for (const id of ['1', '2', '7', '8', '20']) await queue.remove(id)
  const copied = crashCopy(path)
  await first.factory.close()
  await open(t, copied).factory.close()
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  for (const file of [path, copied]) {
    const db = new DatabaseSync(file)
    const rows = db.prepare('SELECT (SELECT count(*) FROM job) AS jobs, (SELECT count(*) FROM body) AS bodies').get()
    db.close()
    t.same({ ...rows }, { jobs: 15, bodies: 15 })
  }
})

t.test('a rate limit goes on over a restart', async (t) => {
  const path = join(folder(t), 'queue.db')
  const first = open(t, path)
  await new first.Queue('tasks', { connection: {} }).rateLimit(hour)
  await first.factory.close()
  const second = open(t, path)
  const ttl = await new second.Queue('tasks', { connection: {} }).getRateLimitTtl()
  t.ok(ttl > 0 && ttl <= hour, `${ttl} ms left`)
})
