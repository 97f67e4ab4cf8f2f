import t, { type Test } from 'tap'
import { openAir } from '../fakes/air.ts'
import { holdTime, turn } from '../fakes/time.ts'
import { openSender } from './rooms.ts'

async function open(t: Test, free: (node: string) => number = () => 5) {
  const time = holdTime(t)
  const air = await openAir(t, time)
  const own: unknown[] = []
  const holding = { more: true }
  const sender = openSender(air, time, { free, holdsMore: () => holding.more, own })
  return { time, air, sender, own, holding, peer: await air.peer() }
}

const header = { job: 'job-1', term: 1 }
const ref = (task: number | string) => ({ task: `map/${task}`, attempt: 1 })
const done = (task: number | string, bytes = 3) => ({ ...ref(task), term: 1, result: new Uint8Array(bytes), ms: 1 })

t.test('that a task ended is told at once, with what is free for that coordinator', async (t) => {
  const { air, sender, peer } = await open(t, (node) => (node === other.id ? 2 : 3))
  const other = await air.peer()
  sender.tell(peer.id, 'task.done', header, done('a'))
  sender.tell(other.id, 'task.done', { job: 'job-2', term: 4 }, done('b'))
  // Time stands still: nothing that waits for a timer comes.
  t.match(await peer.until('task.done'), [{ job: 'job-1', term: 1, body: { free: 3, tasks: [done('a')] } }])
  t.match(await other.until('task.done'), [{ job: 'job-2', term: 4, body: { free: 2, tasks: [done('b')] } }])
})

t.test('that a task waits or runs is told when it has lasted 20 ms', async (t) => {
  const { time, sender, peer } = await open(t)
  sender.tell(peer.id, 'task.accepted', header, ref('a'))
  sender.tell(peer.id, 'task.started', header, ref('b'))
  await time.pass(19)
  t.same(sender.sent, {})
  await time.pass(1)
  t.match(await peer.until('task.accepted'), [{ body: { tasks: [ref('a')] } }])
  t.match(await peer.until('task.started'), [{ body: { tasks: [ref('b')] } }])
})

t.test('what a task did last replaces what was to be said of it; another attempt of it is another matter', async (t) => {
  const { time, sender, peer } = await open(t)
  sender.tell(peer.id, 'task.accepted', header, ref('a'))
  sender.tell(peer.id, 'task.accepted', header, { ...ref('a'), attempt: 2 })
  sender.tell(peer.id, 'task.accepted', { job: 'job-1', term: 2 }, ref('a'))
  sender.tell(peer.id, 'task.started', header, ref('a'))
  sender.tell(peer.id, 'task.done', header, done('a'))
  await peer.until('task.done')
  await time.pass(100)
  await sender.flush()
  t.same(
    peer.heard.map(({ type, term, body }) => [type, term, 'tasks' in body && body.tasks.map(({ attempt }) => attempt)]),
    [
      ['task.done', 1, [1]],
      ['task.accepted', 1, [2]],
      ['task.accepted', 2, [1]],
    ],
  )
})

t.test('an end takes along no other that is no news yet, and nothing is told twice', async (t) => {
  const { time, sender, peer } = await open(t)
  sender.tell(peer.id, 'task.started', header, ref('slow'))
  await time.pass(15)
  sender.tell(peer.id, 'task.started', header, ref('short'))
  sender.tell(peer.id, 'task.done', header, done('fast'))
  await peer.until('task.done')
  t.same(sender.sent, { 'task.done': 1 })
  await time.pass(5)
  t.match(await peer.until('task.started'), [{ body: { tasks: [ref('slow')] } }])
  sender.tell(peer.id, 'task.done', header, done('short'))
  await time.pass(1_000)
  t.same(sender.sent, { 'task.started': 1, 'task.done': 2 })
})

t.test('ends that come fast are gathered for 8 ms while more of that coordinator is held', async (t) => {
  const { time, sender, peer } = await open(t)
  sender.tell(peer.id, 'task.done', header, done(0))
  await peer.until('task.done')
  sender.tell(peer.id, 'task.done', header, done(1))
  await time.pass(7)
  sender.tell(peer.id, 'task.done', header, done(2))
  t.same(sender.sent, { 'task.done': 1 })
  await time.pass(1)
  const [, second] = await peer.until('task.done', 2)
  t.same(
    second?.body.tasks.map(({ task }) => task),
    ['map/1', 'map/2'],
  )
})

t.test('the end of the last that is held waits for nothing, and takes along what was gathered', async (t) => {
  const { sender, peer, holding } = await open(t)
  sender.tell(peer.id, 'task.done', header, done(0))
  await peer.until('task.done')
  sender.tell(peer.id, 'task.done', header, done(1))
  holding.more = false
  sender.tell(peer.id, 'task.done', header, done(2))
  // Time stands still: nothing that waits for a timer comes.
  const [, second] = await peer.until('task.done', 2)
  t.same(
    second?.body.tasks.map(({ task }) => task),
    ['map/1', 'map/2'],
  )
})

t.test('what a node says to itself goes round no broker', async (t) => {
  const { air, sender, own, peer } = await open(t)
  sender.send(air.self, 'job.close', { job: 'job-1' }, { how: 'done' })
  sender.tell(air.self, 'task.done', header, done('a'))
  sender.tell(peer.id, 'task.done', header, done('b'))
  await peer.until('task.done')
  t.same(own, [
    { type: 'job.close', job: 'job-1', body: { how: 'done' } },
    { type: 'task.done', ...header, body: { free: 5, at: 0, tasks: [done('a')] } },
  ])
  t.same(sender.sent, { 'task.done': 1 })
})

t.test('a message has at most 64 tasks, all of them are told, in order', async (t) => {
  const { sender, peer } = await open(t)
  for (let i = 0; i < 150; i++) sender.tell(peer.id, 'task.done', header, done(i))
  const heard = await peer.until('task.done', 3)
  t.same(
    heard.map(({ body }) => body.tasks.length),
    [64, 64, 22],
  )
  t.same(
    heard.flatMap(({ body }) => body.tasks.map(({ task }) => task)),
    Array.from({ length: 150 }, (_, i) => `map/${i}`),
  )
})

t.test('a message stays under 64 KiB, however large the results and whatever letters the errors have', async (t) => {
  const { sender, peer } = await open(t)
  for (let i = 0; i < 64; i++) sender.tell(peer.id, 'task.done', header, done(`${i}${'x'.repeat(120)}`, 8192))
  const message = '語'.repeat(2000)
  const hint = '語'.repeat(500)
  for (let i = 0; i < 64; i++) sender.tell(peer.id, 'task.failed', header, { ...ref(i), term: 1, ms: 1, error: { code: 'TASK_FAILED', message, hint } })
  await sender.flush()
  await turn()
  const tasksOf = (type: 'task.done' | 'task.failed') => peer.of(type).flatMap(({ body }) => [...body.tasks]).length
  t.equal(tasksOf('task.done'), 64)
  t.equal(tasksOf('task.failed'), 64)
  t.ok(peer.largest > 32_768 && peer.largest <= 65_536, `${peer.largest} bytes`)
})

t.test('flush sends what waits and resolves when the broker has it', async (t) => {
  const { air, sender, peer } = await open(t)
  sender.tell(peer.id, 'task.accepted', header, ref('a'))
  sender.send(peer.id, 'node.beat', {}, { free: 1, at: 0, more: false, held: [], done: [], asks: [] })
  await sender.flush()
  t.same(peer.heard.map(({ type }) => type).sort(), ['node.beat', 'task.accepted'])
  t.same(sender.sent, { 'node.beat': 1, 'task.accepted': 1 })
  await air.broker.close()
  sender.tell(peer.id, 'task.accepted', header, ref('b'))
  await sender.flush()
  t.pass('without a broker it resolves too')
})

t.test('waiting for a broker that is gone can be given up', async (t) => {
  const { air, sender, peer } = await open(t)
  air.network.stop()
  sender.tell(peer.id, 'task.accepted', header, ref('a'))
  const patience = new AbortController()
  const flushed = sender.flush(patience.signal)
  patience.abort()
  await flushed
  t.same(peer.heard, [])
})
