import t, { type Test } from 'tap'
import { createBeats } from '../../agent/beats.ts'
import type { Capacity } from '../../agent/capacity.ts'
import { createDesk } from '../../agent/desk.ts'
import { silent } from '../../src/core/log.ts'
import type { Reason } from '../../src/core/reasons.ts'
import { bytes, offerOf, openRooms } from './rooms.ts'

async function open(t: Test) {
  const rooms = await openRooms(t, { limit: 100 })
  const { table, queue, outbox, jobs, interest, sender, free, time: clock } = rooms
  const beats = createBeats({ table, queue, outbox, jobs, interest, sender, boot: 1, free, clock, log: silent })
  const state: { isPaused: boolean; reason: Reason | undefined } = { isPaused: false, reason: undefined }
  const capacity: Capacity = {
    get slots() {
      return state.isPaused || state.reason !== undefined ? 0 : 2
    },
    given: 2,
    get reason() {
      return state.isPaused ? 'paused' : state.reason
    },
    get isPaused() {
      return state.isPaused
    },
    start: async () => {},
    pause: async (isPaused) => {
      state.isPaused = isPaused
    },
    refresh() {},
    drain() {},
    stop() {},
  }
  /** How many are being ended at once, at most. */
  const ending = { now: 0, most: 0 }
  const end: typeof beats.end = async (held) => {
    ending.most = Math.max(ending.most, ++ending.now)
    await beats.end(held)
    ending.now--
  }
  const desk = createDesk({ queue, table, capacity, end, clock, log: silent })
  const peer = await rooms.air.peer()
  const hold = async (task: string, { job = 'job-1', is = 'waiting' as 'waiting' | 'running' } = {}) => {
    const held = table.add(offerOf(peer.id, task, { job }), 8_000)
    await queue.add({ id: held.id, data: bytes('') })
    held.is = is
    return held
  }
  return { ...rooms, desk, peer, hold, state, clock, ending }
}

t.test('lists what the queue holds, in its order', async (t) => {
  const { desk, hold, peer } = await open(t)
  await hold('a')
  await hold('b', { job: 'job-2' })
  t.match(await desk.list(), [
    { job: 'job-1', stage: 'map', task: 'map/a', attempt: 1, is: 'waiting', coordinator: peer.id, seconds: Number },
    { job: 'job-2', task: 'map/b' },
  ])
})

t.test('a pause sends back what waits, and leaves what runs', async (t) => {
  const { desk, hold, peer, table, sender, state } = await open(t)
  await hold('a')
  await hold('b', { is: 'running' })
  t.same(await desk.carryOut({ do: 'pause' }), { dropped: 0 })
  t.equal(state.isPaused, true)
  await sender.flush()
  t.match(await peer.until('task.cancelled'), [{ job: 'job-1', body: { tasks: [{ task: 'map/a', attempt: 1, term: 1 }] } }])
  t.same(
    table.all().map(({ task }) => task),
    ['map/b'],
  )
  await desk.carryOut({ do: 'resume' })
  t.equal(state.isPaused, false)
})

t.test('drops the tasks of one job, or of all, and tells their coordinator', async (t) => {
  const { desk, hold, peer, table, sender } = await open(t)
  await hold('a')
  await hold('b')
  await hold('c', { job: 'job-2' })
  t.same(await desk.carryOut({ do: 'drop', job: 'job-1' }), { dropped: 2 })
  await sender.flush()
  t.equal(peer.of('task.cancelled').flatMap(({ body }) => body.tasks).length, 2)
  t.equal(table.size, 1)
  t.same(await desk.carryOut({ do: 'drop', job: 'all' }), { dropped: 1 })
  await t.rejects(desk.carryOut({ do: 'drop', job: 'job-1' }), { code: 'NOT_FOUND' })
  t.same(await desk.carryOut({ do: 'drop', job: 'all' }), { dropped: 0 }, 'of all there may be none')
})

t.test('a job is named by the beginning of its id, as long as that is of one', async (t) => {
  const { desk, hold, table } = await open(t)
  await hold('a', { job: 'mr-12' })
  await hold('b', { job: 'mr-123' })
  await hold('c', { job: 'mr-124' })
  await t.rejects(desk.carryOut({ do: 'drop', job: 'mr-' }), { code: 'NOT_FOUND', message: '3 jobs begin with mr-: mr-12, mr-123, mr-124' })
  t.same(await desk.carryOut({ do: 'drop', job: 'mr-12' }), { dropped: 1 }, 'a whole id is that job')
  t.same(await desk.carryOut({ do: 'drop', job: 'mr-123' }), { dropped: 1 })
  t.same(await desk.carryOut({ do: 'drop', job: 'm' }), { dropped: 1 })
  t.equal(table.size, 0)
})

t.test('what goes goes together, so that a queue on a disk writes it down once', async (t) => {
  const { desk, hold, ending } = await open(t)
  for (const task of ['a', 'b', 'c']) await hold(task)
  await desk.carryOut({ do: 'drop', job: 'all' })
  t.equal(ending.most, 3)
  ending.most = 0
  for (const task of ['d', 'e']) await hold(task)
  await desk.carryOut({ do: 'pause' })
  t.equal(ending.most, 2)
})

t.test('a node that runs nothing keeps nothing waiting; one that drains, or whose queue is down, has its own way', async (t) => {
  const { desk, hold, table, state } = await open(t)
  await hold('a')
  await desk.tidy()
  t.equal(table.size, 1)
  for (const reason of ['draining', 'queue broken'] as const) {
    state.reason = reason
    await desk.tidy()
    t.equal(table.size, 1)
  }
  state.reason = 'memory'
  await desk.tidy()
  t.equal(table.size, 0)
})
