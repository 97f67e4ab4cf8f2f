/** What every Queue must do. `open` gives a fresh one that holds at most `limit`. */
import type { Test } from 'tap'
import type { Queue, QueueItem } from '../../src/core/ports.ts'

export interface Adapter {
  open(t: Test, limit: number): Promise<Queue>
}

const item = (id: string): QueueItem => ({ id, data: new TextEncoder().encode(id) })

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

export function conformance(t: Test, { open }: Adapter): void {
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
}
