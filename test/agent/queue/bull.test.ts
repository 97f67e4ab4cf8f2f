/** The queue over a backlog that fails when the test says so. Over real backends the port's own suite runs. */
import t, { type Test } from 'tap'
import type { Backlog, Claimed } from '../../../agent/queue/backlog.ts'
import { createBullQueue } from '../../../agent/queue/bull.ts'
import { IpdcError } from '../../../src/core/errors.ts'
import { silent } from '../../../src/core/log.ts'
import type { QueueChange, QueueItem } from '../../../src/core/ports.ts'
import { holdTime, turn } from '../../fakes/time.ts'

const item = (id: string): QueueItem => ({ id, data: new TextEncoder().encode(id) })

/** In memory, as BullMQ would have it; `broken` makes it fail, `gate` makes claims wait, `mendGate` recovery. */
function createFakeBacklog() {
  const waiting = new Map<string, QueueItem>()
  const active = new Map<string, QueueItem>()
  const fake = {
    waiting,
    active,
    broken: undefined as Error | undefined,
    gate: undefined as Promise<void> | undefined,
    mendGate: undefined as Promise<void> | undefined,
    calls: 0,
    isClosed: false,
  }
  const work = async () => {
    fake.calls++
    await turn()
    if (fake.broken !== undefined) throw fake.broken
  }
  const take = (): Claimed | undefined => {
    for (const [id, one] of waiting) {
      waiting.delete(id)
      active.set(id, one)
      return one as Claimed
    }
    return undefined
  }
  const backlog: Backlog = {
    async add(items) {
      await work()
      for (const one of items) waiting.set(one.id, one)
    },
    async claim() {
      await work()
      const found = take()
      await fake.gate
      return found
    },
    async leave({ id }, andClaim) {
      await work()
      active.delete(id)
      return andClaim ? take() : undefined
    },
    async remove(id) {
      await work()
      waiting.delete(id)
    },
    async recover(running) {
      await work()
      const back = [...active].filter(([id]) => !running.has(id))
      const rest = [...waiting]
      waiting.clear()
      for (const [id, one] of [...back, ...rest]) waiting.set(id, one)
      for (const [id] of back) active.delete(id)
      await fake.mendGate
      return [...waiting.keys()]
    },
    async *items(ids) {
      for (const id of ids) {
        const found = waiting.get(id) ?? active.get(id)
        if (found !== undefined) yield found
      }
    },
    check: work,
    async close() {
      fake.isClosed = true
    },
  }
  return { fake, backlog }
}

async function open(t: Test) {
  const time = holdTime(t)
  const { fake, backlog } = createFakeBacklog()
  const wrap = (cause: unknown) => new IpdcError('QUEUE_DOWN', { message: `planned: ${(cause as Error).message}`, hint: 'Mend it' })
  const queue = await createBullQueue({ backlog, limit: 10, wrap, info: async () => ({ use: 'fake' }), log: silent })
  const changes: QueueChange[] = []
  queue.onChange((change) => changes.push(change))
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const take = (slots: number) =>
    queue.take(({ id }, signal) => {
      begun.push(id)
      return new Promise((resolve) => {
        ends.set(id, resolve)
        signal.addEventListener('abort', () => resolve())
      })
    }, slots)
  const settle = async () => {
    for (let i = 0; i < 12; i++) await turn()
  }
  return { time, fake, queue, changes, begun, take, settle, end: (id: string) => ends.get(id)?.() }
}

t.test('a backlog that fails takes the queue down: it says why, refuses without trying, and works again when that is cured', async (t) => {
  const { time, fake, queue, changes, begun, take, settle } = await open(t)
  take(1)
  fake.broken = new Error('disk full')
  const error = { code: 'QUEUE_DOWN', message: 'planned: disk full', hint: 'Mend it' }
  await t.rejects(queue.add(item('a')), error)
  t.match(queue.status, { is: 'down', error })
  const { calls } = fake
  await t.rejects(queue.add(item('b')), error)
  t.equal(fake.calls, calls, 'nobody tries each time')
  await time.pass(500)
  await settle()
  await time.pass(1_000)
  await settle()
  t.equal(queue.status.is, 'down', 'still not cured')
  fake.broken = undefined
  await time.pass(2_000)
  await settle()
  t.equal(queue.status.is, 'up')
  t.match(changes, [{ is: 'down', error }, { is: 'up' }])
  t.equal(await queue.add(item('c')), 'accepted')
  await settle()
  t.same(begun, ['c'], 'what was refused does not run')
  await queue.close()
})

t.test('what ends while the queue is down has left when it is up, and what waited starts then', async (t) => {
  const { time, fake, queue, begun, take, settle, end } = await open(t)
  take(1)
  await queue.add(item('a'))
  await queue.add(item('b'))
  await settle()
  fake.broken = new Error('gone')
  end('a')
  await settle()
  t.match(queue.size, { waiting: 1, running: 0 })
  t.same(begun, ['a'], 'nothing starts')
  t.ok(fake.active.has('a'))
  fake.broken = undefined
  await time.pass(500)
  await settle()
  t.notOk(fake.active.has('a'))
  t.same(begun, ['a', 'b'])
  await queue.close()
})

t.test('what ends while the queue mends itself after an outage leaves, and can be added again', async (t) => {
  const { time, fake, queue, begun, take, settle, end } = await open(t)
  take(1)
  await queue.add(item('a'))
  await settle()
  fake.broken = new Error('gone')
  await t.rejects(queue.add(item('b')))
  fake.broken = undefined
  const gate = Promise.withResolvers<void>()
  fake.mendGate = gate.promise
  await time.pass(500)
  await settle()
  end('a')
  await settle()
  t.equal(queue.status.is, 'down')
  gate.resolve()
  await settle()
  t.equal(queue.status.is, 'up')
  t.notOk(fake.active.has('a'))
  t.equal(await queue.add(item('a')), 'accepted')
  await settle()
  t.same(begun, ['a', 'a'])
  await queue.close()
})

t.test('what an unknown hand added, or an add that was given up, is claimed and dropped', async (t) => {
  const { fake, queue, begun, take, settle } = await open(t)
  fake.waiting.set('strange', item('strange'))
  await queue.add(item('a'))
  take(1)
  await settle()
  t.same(begun, ['a'])
  t.notOk(fake.waiting.has('strange') || fake.active.has('strange'))
  await queue.close()
})

t.test('what was lost behind its back is told, once it has looked', async (t) => {
  const { time, fake, queue, changes, take, settle } = await open(t)
  for (const id of ['a', 'b', 'c']) await queue.add(item(id))
  fake.waiting.delete('a')
  fake.waiting.delete('b')
  fake.waiting.delete('c')
  take(1)
  await settle()
  t.equal(queue.status.is, 'down', 'it does not ask without end')
  await time.pass(500)
  await settle()
  t.match(changes, [{ is: 'down' }, { is: 'lost', ids: ['a', 'b', 'c'] }, { is: 'up' }])
  t.match(queue.size, { waiting: 0, running: 0 })
  await queue.close()
})

t.test('what is claimed while the queue is paused, or has no slots, waits and starts first', async (t) => {
  const { fake, queue, begun, take, settle } = await open(t)
  const gate = Promise.withResolvers<void>()
  fake.gate = gate.promise
  for (const id of ['a', 'b', 'c']) await queue.add(item(id))
  take(2)
  await settle()
  await queue.pause()
  queue.resize(0)
  gate.resolve()
  await settle()
  t.same(begun, [])
  t.match(queue.size, { waiting: 3, running: 0 })
  await queue.resume()
  await settle()
  t.same(begun, [])
  t.equal(await queue.remove('a'), true, 'what was claimed can be taken back')
  queue.resize(2)
  await settle()
  t.same(begun, ['b', 'c'])
  t.notOk(fake.active.has('a'))
  await queue.close()
})

t.test('it closes while it is down', async (t) => {
  const { fake, queue, take, settle, end } = await open(t)
  take(2)
  await queue.add(item('a'))
  await settle()
  fake.broken = new Error('gone')
  end('a')
  await settle()
  await queue.close()
  t.ok(fake.isClosed)
  t.equal(await queue.add(item('b')), 'full')
})
