/** What every Queue must do. `open` gives a fresh one that holds at most `limit`. */
import type { Test } from 'tap'
import type { Queue, QueueItem } from '../../src/core/ports.ts'

export interface Adapter {
  open(t: Test, limit: number): Promise<Queue>
  /** Where an adapter keeps what it holds, for those that survive their process: opened again after each close. */
  place?(t: Test): Promise<{ open(limit: number): Promise<Queue> }>
}

const item = (id: string): QueueItem => ({ id, data: new TextEncoder().encode(id) })

async function idsOf(queue: Queue): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of queue.items()) ids.push(id)
  return ids
}

/** Timers and the like that keep this process up. */
const resources = () => process.getActiveResourcesInfo().filter((name) => /Timeout|Immediate|TCP|Pipe/.test(name)).length

/** A handler whose items end when the test says so, and the order in which they began. */
function held() {
  const ends = new Map<string, () => void>()
  const begun: string[] = []
  const waiters = new Set<() => void>()
  return {
    begun,
    signals: new Map<string, AbortSignal>(),
    handler(this: { signals: Map<string, AbortSignal> }, { id }: QueueItem, signal: AbortSignal) {
      begun.push(id)
      this.signals.set(id, signal)
      for (const wake of waiters) wake()
      return new Promise<void>((resolve) => {
        ends.set(id, resolve)
        signal.addEventListener('abort', () => resolve())
      })
    },
    end: (id: string) => ends.get(id)?.(),
    async until(count: number) {
      while (begun.length < count) {
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiters.delete(wake)
            resolve()
          }
          waiters.add(wake)
        })
      }
    },
  }
}

export function conformance(t: Test, { open, place }: Adapter): void {
  t.test('items run first in, first out, at most as many at once as there are slots', async (t) => {
    const queue = await open(t, 10)
    const work = held()
    for (const id of ['a', 'b', 'c']) t.equal(await queue.add(item(id)), 'accepted')
    queue.take((next, signal) => work.handler(next, signal), 2)
    await work.until(2)
    t.same(work.begun, ['a', 'b'])
    t.match(queue.size, { waiting: 1, running: 2, limit: 10 })
    work.end('a')
    await work.until(3)
    t.same(work.begun, ['a', 'b', 'c'])
    await queue.close()
  })

  t.test('an item arrives with its bytes', async (t) => {
    const queue = await open(t, 10)
    const data = Uint8Array.of(0, 255, 10)
    const got = new Promise<QueueItem>((resolve) => queue.take(async (next) => resolve(next), 1))
    await queue.add({ id: 'job/task#1.0', data })
    const { id, data: bytes } = await got
    t.equal(id, 'job/task#1.0')
    t.same([...bytes], [...data])
    await queue.close()
  })

  t.test('any text is an id: it comes back as it was, and hurts no neighbour', async (t) => {
    const queue = await open(t, 20)
    const ids = ['plain', 'a\0b', 'line\nbreak', 'tab\t\x7f\x85', 'é漢🚀', 'half \ud83d pair', '50% of: it', '%00', '%u0000', '', '7', 'x'.repeat(400)]
    t.same(await Promise.all(ids.map((id) => queue.add({ id, data: new Uint8Array() }))), Array(ids.length).fill('accepted'))
    t.same(await idsOf(queue), ids)
    t.equal(await queue.remove('a\0b'), true)
    const begun: string[] = []
    await new Promise<void>((resolve) =>
      queue.take(async ({ id }) => {
        begun.push(id)
        if (begun.length === ids.length - 1) resolve()
      }, 1),
    )
    t.same(
      begun,
      ids.filter((id) => id !== 'a\0b'),
    )
    await queue.close()
  })

  t.test('a full queue refuses and keeps what it has', async (t) => {
    const queue = await open(t, 2)
    await queue.add(item('a'))
    await queue.add(item('b'))
    t.equal(await queue.add(item('c')), 'full')
    t.same((await queue.held()).map(({ id }) => id).sort(), ['a', 'b'])
    await queue.close()
  })

  t.test('an item that is held already is accepted once more without effect', async (t) => {
    const queue = await open(t, 1)
    await queue.add(item('a'))
    t.equal(await queue.add(item('a')), 'accepted')
    t.equal(queue.size.waiting, 1)
    await queue.close()
  })

  t.test('room is free again when an item has ended, also by an error', async (t) => {
    const queue = await open(t, 1)
    let ended = 0
    const both = new Promise<void>((resolve) => {
      queue.take(async () => {
        ended++
        if (ended === 2) resolve()
        throw new Error('planned')
      }, 1)
    })
    await queue.add(item('a'))
    while ((await queue.add(item('b'))) === 'full') await new Promise(setImmediate)
    await both
    t.equal(ended, 2)
    await queue.close()
  })

  t.test('a waiting item that is removed never runs; a running one has its signal aborted', async (t) => {
    const queue = await open(t, 10)
    const work = held()
    queue.take((next, signal) => work.handler(next, signal), 1)
    await queue.add(item('a'))
    await queue.add(item('b'))
    await work.until(1)
    t.equal(await queue.remove('b'), true)
    t.equal(await queue.remove('a'), true)
    t.equal(work.signals.get('a')?.aborted, true)
    t.equal(await queue.remove('nobody'), false)
    await queue.drain()
    t.same(work.begun, ['a'])
    await queue.close()
  })

  t.test('a paused queue starts nothing and takes on; resumed it goes on in order', async (t) => {
    const queue = await open(t, 10)
    const work = held()
    queue.take((next, signal) => work.handler(next, signal), 2)
    await queue.pause()
    t.equal(await queue.add(item('a')), 'accepted')
    t.match(queue.size, { waiting: 1, running: 0 })
    await queue.resume()
    await work.until(1)
    t.same(work.begun, ['a'])
    await queue.close()
  })

  t.test('draining ends when what runs has ended, and starts nothing more', async (t) => {
    const queue = await open(t, 10)
    const work = held()
    queue.take((next, signal) => work.handler(next, signal), 1)
    await queue.add(item('a'))
    await queue.add(item('b'))
    await work.until(1)
    const drained = queue.drain()
    work.end('a')
    await drained
    t.same(work.begun, ['a'])
    t.equal(queue.size.running, 0)
    await queue.close()
  })

  t.test('waiting for a drain can be given up', async (t) => {
    const queue = await open(t, 10)
    const work = held()
    queue.take((next, signal) => work.handler(next, signal), 1)
    await queue.add(item('a'))
    await work.until(1)
    const patience = new AbortController()
    const drained = queue.drain(patience.signal)
    patience.abort()
    await drained
    t.equal(queue.size.running, 1)
    await queue.close()
  })

  t.test('closing aborts what runs', async (t) => {
    const queue = await open(t, 10)
    const work = held()
    queue.take((next, signal) => work.handler(next, signal), 1)
    await queue.add(item('a'))
    await work.until(1)
    await queue.close()
    t.equal(work.signals.get('a')?.aborted, true)
    t.equal(await queue.add(item('b')), 'full')
  })

  t.test('what runs is told first, what waits in order, both with their bytes', async (t) => {
    const queue = await open(t, 10)
    const work = held()
    queue.take((next, signal) => work.handler(next, signal), 1)
    for (const id of ['a', 'b', 'c']) await queue.add(item(id))
    await work.until(1)
    t.same(await queue.held(), [
      { id: 'a', is: 'running' },
      { id: 'b', is: 'waiting' },
      { id: 'c', is: 'waiting' },
    ])
    for await (const { id, data } of queue.items()) t.equal(new TextDecoder().decode(data), id)
    t.same(await idsOf(queue), ['a', 'b', 'c'])
    await queue.close()
  })

  t.test('it is resized while it works: to more, to fewer, to none', async (t) => {
    const queue = await open(t, 10)
    const work = held()
    queue.take((next, signal) => work.handler(next, signal), 1)
    for (const id of ['a', 'b', 'c', 'd', 'e']) await queue.add(item(id))
    await work.until(1)
    queue.resize(3)
    await work.until(3)
    t.match(queue.size, { waiting: 2, running: 3 })
    queue.resize(0)
    for (const id of ['a', 'b', 'c']) work.end(id)
    while (queue.size.running > 0) await new Promise(setImmediate)
    await queue.add(item('f'))
    t.match(queue.size, { waiting: 3, running: 0 }, 'what runs ends, nothing starts')
    queue.resize(2)
    await work.until(5)
    t.same(work.begun, ['a', 'b', 'c', 'd', 'e'])
    await queue.close()
  })

  t.test('items that are added at once keep their order, and each is taken once', async (t) => {
    const queue = await open(t, 1000)
    const ids = Array.from({ length: 1000 }, (_, i) => `job/task-${i}#1.1`)
    const begun: string[] = []
    const all = new Promise<void>((resolve) => {
      queue.take(async ({ id }) => {
        begun.push(id)
        if (begun.length === ids.length) resolve()
      }, 4)
    })
    const answers = await Promise.all(ids.map((id) => queue.add(item(id))))
    t.ok(answers.every((answer) => answer === 'accepted'))
    await all
    t.same(begun, ids)
    await queue.drain()
    t.match(queue.size, { waiting: 0, running: 0 })
    await queue.close()
  })

  t.test('ids of any letters, and 64 KiB of any bytes, come through', async (t) => {
    const queue = await open(t, 10)
    const data = Uint8Array.from({ length: 65_536 }, (_, i) => (i * 7) % 256)
    const ids = ['7', '0', '0:1', 'a:b', 'a:b:c', '%3a', 'größe/ö#1.1', 'with space']
    const got: QueueItem[] = []
    const all = new Promise<void>((resolve) => {
      queue.take(async (next) => {
        got.push(next)
        if (got.length === ids.length) resolve()
      }, 1)
    })
    for (const id of ids) t.equal(await queue.add({ id, data }), 'accepted')
    await all
    t.same(
      got.map(({ id }) => id),
      ids,
    )
    t.ok(got.every(({ data: bytes }) => Buffer.compare(bytes, data) === 0))
    await queue.close()
  })

  t.test('an id that has left can come again', async (t) => {
    const queue = await open(t, 1)
    let times = 0
    let wake = () => {}
    queue.take(async () => {
      times++
      wake()
    }, 1)
    for (let i = 1; i <= 3; i++) {
      const begun = new Promise<void>((resolve) => {
        wake = resolve
      })
      while ((await queue.add(item('a'))) === 'full') await new Promise(setImmediate)
      await begun
      while (queue.size.running > 0) await new Promise(setImmediate)
    }
    t.equal(times, 3)
    await queue.close()
  })

  t.test('it says that it works, and what it is', async (t) => {
    const queue = await open(t, 1)
    t.same(queue.status, { is: 'up' })
    t.type((await queue.info()).use, 'string')
    await queue.close()
  })

  t.test('closed with work in flight it leaves no timer and no connection', async (t) => {
    const before = resources()
    const queue = await open(t, 10)
    const work = held()
    queue.take((next, signal) => work.handler(next, signal), 1)
    for (const id of ['a', 'b']) await queue.add(item(id))
    await work.until(1)
    const adding = queue.add(item('c'))
    await queue.close()
    await adding
    t.ok(resources() <= before, `${process.getActiveResourcesInfo()}`)
  })

  if (place === undefined) return

  t.test('opened again it is paused and holds what it held, in order, with its bytes', async (t) => {
    const { open } = await place(t)
    const first = await open(10)
    const work = held()
    for (const id of ['a', 'b', 'c', 'd']) await first.add(item(id))
    await first.remove('c')
    await first.close()
    const second = await open(10)
    second.take((next, signal) => work.handler(next, signal), 1)
    t.same(await idsOf(second), ['a', 'b', 'd'])
    t.equal(await second.add(item('e')), 'accepted')
    t.match(second.size, { waiting: 4, running: 0 }, 'nothing has started')
    await second.remove('b')
    await second.resume()
    await work.until(1)
    for (const id of ['a', 'd', 'e']) {
      await work.until(work.begun.indexOf(id) + 1)
      work.end(id)
      if (id !== 'e') await work.until(work.begun.length + 1)
    }
    t.same(work.begun, ['a', 'd', 'e'])
    await second.drain()
    await second.close()
    const third = await open(10)
    t.match(third.size, { waiting: 0 }, 'what has ended is gone')
    await third.close()
  })

  t.test('what has ended by an abort of closing does not come back', async (t) => {
    const { open } = await place(t)
    const first = await open(10)
    const work = held()
    first.take((next, signal) => work.handler(next, signal), 1)
    for (const id of ['a', 'b']) await first.add(item(id))
    await work.until(1)
    await first.close()
    const second = await open(10)
    t.same(await idsOf(second), ['b'])
    await second.close()
  })
}
