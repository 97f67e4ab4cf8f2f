import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createExecutor } from '../../agent/executor.ts'
import { type Offer, pack } from '../../agent/held.ts'
import { createThreads, type Progress } from '../../agent/hosts/thread.ts'
import { pinOf } from '../../agent/jobs.ts'
import type { Ended } from '../../agent/outbox.ts'
import { decode, encode } from '../../src/core/cbor.ts'
import type { JobKind, Schema } from '../../src/core/kind.ts'
import { kindsOf } from '../../src/core/kinds.ts'
import { silent } from '../../src/core/log.ts'
import { localReader } from '../fakes/local-reader.ts'
import { turn } from '../fakes/time.ts'
import { type Try, tryKind } from '../fixtures/host/kinds.ts'
import { offerOf, openRooms } from './rooms.ts'

const entry = new URL('../fixtures/host/thread-entry.ts', import.meta.url)

/** An executor over real threads and a real store, and the coordinator of what it runs. */
async function open(t: Test, { kind = tryKind as JobKind, slots = 2, start = true } = {}) {
  const rooms = await openRooms(t)
  const { air, queue, table, outbox, sender, store, dir, states, time } = rooms
  const hosts = createThreads({ entry })
  t.teardown(() => hosts.close())
  const peer = await air.peer()
  const settled: string[] = []
  const took: number[] = []
  const told: Progress[] = []
  const waiters = new Set<() => void>()
  const wake = () => {
    for (const one of waiters) one()
  }
  const scratch = join(dir, 'scratch')
  const executor = createExecutor({
    self: air.self,
    queue,
    table,
    slots,
    hosts,
    kinds: kindsOf([kind]),
    outbox,
    sender,
    store,
    clock: time,
    log: silent,
    scratch,
    states,
    reader: () => localReader(store),
    progress(_, progress) {
      told.push(progress)
      wake()
    },
    took: (ms) => void took.push(ms),
    settled(id) {
      settled.push(id)
      wake()
    },
  })
  if (start) executor.start()
  const until = async (holds: () => boolean) => {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        const one = () => {
          waiters.delete(one)
          resolve()
        }
        waiters.add(one)
      })
    }
  }
  /** As intake would hold it. */
  const hold = async (name: string, task: unknown, { until = 100_000, ...change }: { until?: number; job?: string; kind?: string } = {}) => {
    const offer: Offer = { ...offerOf(peer.id, name, change), kind: change.kind ?? 'try@1', body: encode(task) }
    const held = table.add(offer, until)
    await queue.add({ id: held.id, data: pack(offer) })
    return held
  }
  /** Resolves when the attempt has ended, with what the coordinator was told. */
  const run = async (task: Try, change: { until?: number; job?: string; kind?: string } = {}) => {
    const before = settled.length
    const heard = peer.heard.length
    await hold(`t${before}`, task, change)
    await until(() => settled.length > before)
    await sender.flush()
    return peer.heard.slice(heard)
  }
  return { ...rooms, executor, peer, hold, run, until, settled, took, told, scratch }
}

const resultsIn = (ends: readonly Ended[]) => ends.flatMap((ended) => (ended.is === 'done' ? [decode(ended.result)] : []))
const folders = (path: string) => readdir(path).catch(() => [])

t.test('a task runs in a thread; its result is in the outbox and told, and the attempt is held no more', async (t) => {
  const { run, peer, air, table, outbox, settled, took } = await open(t)
  const [message] = await run({ what: 'echo', text: 'hé' })
  t.match(message, { type: 'task.done', job: 'job-1', term: 1, body: { tasks: [{ task: 'map/t0', attempt: 1, term: 1 }] } })
  t.same(resultsIn(outbox.of(peer.id)), [{ text: 'hé', job: 'job-1', task: 'map/t0', attempt: 1, node: air.self }])
  t.equal(table.size, 0)
  t.same(settled, ['job-1/map/t0#1.1'])
  t.equal(took.length, 1)
})

t.test('a coordinator that heard of a task waiting hears that it runs; one that heard nothing hears of its end alone', async (t) => {
  const { hold, executor, until, settled, peer, sender, time } = await open(t, { start: false })
  const a = await hold('a', { what: 'echo', text: 'a' })
  a.told = 'accepted'
  await hold('b', { what: 'wait' })
  const c = await hold('c', { what: 'wait' })
  c.told = 'accepted'
  executor.start()
  await until(() => settled.length === 1)
  await time.pass(20)
  await sender.flush()
  t.same(
    peer.of('task.started').flatMap(({ body }) => body.tasks.map(({ task }) => task)),
    ['map/c'],
    'of a its end has replaced it, of b nothing was ever said',
  )
})

const strict: Schema<unknown> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => (value === 'said' ? { value } : { issues: [{ message: 'not "said"' }] }) },
}

t.test('a task that is not of the form of its kind fails with BAD_DATA', async (t) => {
  const badTask = await open(t, { kind: { ...tryKind, schema: { ...tryKind.schema, task: strict } } as JobKind })
  t.match(await badTask.run({ what: 'talk' }), [{ type: 'task.failed', body: { tasks: [{ term: 1, error: { code: 'BAD_DATA', message: /^The task/ } }] } }])
})

t.test('a result that is not of the form of its kind fails with BAD_DATA', async (t) => {
  const { run, outbox, peer } = await open(t, { kind: { ...tryKind, schema: { ...tryKind.schema, result: strict } } as JobKind })
  t.match(await run({ what: 'echo', text: 'x' }), [{ type: 'task.failed', body: { tasks: [{ error: { code: 'BAD_DATA', message: /^The result/ } }] } }])
  t.same(resultsIn(outbox.of(peer.id)), [])
  t.match(await run({ what: 'talk' }), [{ type: 'task.done' }])
})

t.test('a result over 8 KiB fails with TOO_LARGE and the way out', async (t) => {
  const { run, outbox, peer } = await open(t)
  const [message] = await run({ what: 'echo', text: 'x'.repeat(8192) })
  t.match(message, { type: 'task.failed', body: { tasks: [{ error: { code: 'TOO_LARGE', hint: /artifacts/ } }] } })
  t.same(resultsIn(outbox.of(peer.id)), [])
})

t.test('a failure comes with its code: our own as it is, with hint and address; any other as TASK_FAILED with its stack', async (t) => {
  const { run, took } = await open(t)
  t.match(await run({ what: 'full' }), [{ body: { tasks: [{ error: { code: 'TABLE_FULL', message: 'planned', hint: 'less' } }] } }])
  t.match(await run({ what: 'fail' }), [{ body: { tasks: [{ error: { code: 'TASK_FAILED', message: /TypeError: planned\n +at / } }] } }])
  const address = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
  t.match(await run({ what: 'cat', address }), [{ body: { tasks: [{ error: { code: 'NOT_FOUND', cid: address } }] } }])
  t.match(await run({ what: 'exit' }), [{ body: { tasks: [{ error: { code: 'TASK_FAILED' } }] } }], 'a thread that ends takes nobody along')
  t.match(await run({ what: 'talk' }), [{ type: 'task.done' }])
  t.equal(took.length, 1, 'how long failures take says nothing')
})

t.test('what this node cannot run is told so', async (t) => {
  const child = await open(t, { kind: { ...tryKind, host: () => 'child' } as JobKind })
  t.match(await child.run({ what: 'talk' }), [{ type: 'task.failed', body: { tasks: [{ error: { code: 'REFUSED' } }] } }])
  t.match(await child.run({ what: 'talk' }, { kind: 'other@1' }), [{ body: { tasks: [{ error: { code: 'WRONG_KIND' } }] } }])
})

t.test('a failure is in the outbox until it is noted, as a result is: one message that is lost costs no wait', async (t) => {
  const { run, peer, outbox } = await open(t)
  await run({ what: 'fail' })
  t.match(outbox.of(peer.id), [{ is: 'failed', task: 'map/t0', term: 1, attempt: 1, error: { code: 'TASK_FAILED' } }])
})

t.test('an attempt that is ended is told as cancelled; one that does not listen is ended after a second, and its folder goes', async (t) => {
  const { hold, queue, until, told, settled, peer, sender, time, scratch } = await open(t)
  const listens = await hold('listens', { what: 'wait' })
  const spins = await hold('spins', { what: 'spin' })
  await until(() => told.length === 2)
  await queue.remove(listens.id)
  await until(() => settled.includes(listens.id))
  await queue.remove(spins.id)
  await time.pass(999)
  await turn()
  t.same(settled, [listens.id])
  await time.pass(1)
  await until(() => settled.includes(spins.id))
  await sender.flush()
  t.same(
    peer.of('task.cancelled').flatMap(({ body }) => body.tasks.map(({ task, term }) => [task, term])),
    [
      ['map/listens', 1],
      ['map/spins', 1],
    ],
  )
  t.equal(peer.of('task.failed').length, 0)
  t.same(await folders(scratch), [])
})

t.test('a lease that ran out before the attempt began runs nothing', async (t) => {
  const { run, store } = await open(t)
  t.match(await run({ what: 'add', text: 'never' }, { until: 0 }), [{ type: 'task.cancelled' }])
  t.equal((await store.usage()).blocks, 0)
})

t.test('what only the queue knows, as after a restart, has no lease and is given up', async (t) => {
  const { queue, peer, until, settled, sender } = await open(t)
  const offer = { ...offerOf(peer.id, 'left'), kind: 'try@1', body: encode({ what: 'talk' }) }
  await queue.add({ id: 'job-1/map/left#1.1', data: pack(offer) })
  await until(() => settled.length === 1)
  await sender.flush()
  t.match(peer.heard, [{ type: 'task.cancelled', job: 'job-1', body: { tasks: [{ task: 'map/left' }] } }])
})

t.test('the folder of an attempt goes with it; that of a job stays for its next attempt, and is no other job’s', async (t) => {
  const { run, peer, outbox, scratch, states } = await open(t)
  const results = () => resultsIn(outbox.of(peer.id))
  await run({ what: 'file', text: 'kept' })
  t.match(results(), [{ size: 4 }])
  t.same(await folders(scratch), [])
  await run({ what: 'state', text: 'first' })
  await run({ what: 'state', text: 'second' })
  await run({ what: 'state', text: 'other' }, { job: 'job-2' })
  t.same(results().slice(1), ['nothing', 'first', 'nothing'])
  t.same((await folders(states)).sort(), ['job-1', 'job-2'])
})

t.test('what a task makes is held for its job', async (t) => {
  const { run, peer, store } = await open(t)
  await run({ what: 'add', text: 'made' })
  const pins: string[] = []
  for await (const { name } of store.pins()) pins.push(name)
  t.same(pins, [pinOf('job-1', peer.id)])
})

t.test('how far it is comes from the thread', async (t) => {
  const { run, told } = await open(t)
  await run({ what: 'talk' })
  t.match(told, [{ fraction: 0.5, note: 'half' }])
})
