import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type BeatsOptions, createBeats } from '../../agent/beats.ts'
import type { Held } from '../../agent/held.ts'
import { pinOf } from '../../agent/jobs.ts'
import { silent } from '../../src/core/log.ts'
import type { Body } from '../../src/core/wire/message.ts'
import { bytes, offerOf, openRooms, type Rooms, resultOf } from './rooms.ts'

async function open(t: Test, change: (rooms: Rooms) => Partial<BeatsOptions> = () => ({})) {
  const rooms = await openRooms(t, { limit: 1_000 })
  const { table, queue, outbox, jobs, interest, sender, free, time: clock } = rooms
  const boot = 1
  const beats = createBeats({ table, queue, outbox, jobs, interest, sender, boot, free, clock, log: silent, ...change(rooms) })
  t.teardown(() => beats.stop())
  const peer = await rooms.air.peer()
  /** As an offer that was taken leaves it. */
  const hold = async (task: string, { until = 8_000, ...change }: { until?: number; job?: string; by?: string; pure?: boolean } = {}): Promise<Held> => {
    const held = table.add(offerOf(change.by ?? peer.id, task, change), until)
    await queue.add({ id: held.id, data: bytes('') })
    return held
  }
  const from = (src: string, job?: string) => ({ src, dst: rooms.air.self, job, term: undefined, boot: 1, seq: 1, iat: 0, exp: 0 })
  const ref = (task: string, job = 'job-1') => ({ job, task: `map/${task}`, term: 1, attempt: 1 })
  /** Answers a beat of now, unless it says of which. */
  const grant = (body: Partial<Body<'lease.grant'>>, src = peer.id) =>
    beats.granted({ ...from(src), type: 'lease.grant', body: { leaseMs: 10_000, from: { boot, at: clock.now() }, held: [], noted: [], ...body } })
  const cancel = (task: string, src = peer.id) =>
    beats.cancelled({ ...from(src, 'job-1'), type: 'task.cancel', body: { tasks: [{ task: `map/${task}`, attempt: 1, term: 1 }], why: 'planned' } })
  const close = (job = 'job-1', src = peer.id) => beats.closed({ ...from(src, job), type: 'job.close', body: { how: 'done' } })
  return { ...rooms, beats, peer, hold, ref, grant, cancel, close }
}

t.test('every two seconds each coordinator is told what is held of its jobs, what waits for a note, and what is free', async (t) => {
  const { beats, peer, air, time, hold, ref, outbox, sender } = await open(t)
  const other = await air.peer()
  ;(await hold('a')).is = 'running'
  await hold('b')
  await hold('c', { by: other.id, job: 'job-2' })
  await outbox.put(resultOf(peer.id, 'd'))
  await sender.flush()
  beats.start()
  await time.pass(1_999)
  t.equal(sender.sent['node.beat'], undefined)
  await time.pass(1)
  t.match(await peer.until('node.beat'), [
    {
      body: {
        free: 5,
        at: 2_000,
        more: false,
        held: [
          { ...ref('a'), is: 'running' },
          { ...ref('b'), is: 'waiting' },
        ],
        done: [ref('d')],
        asks: [],
      },
    },
  ])
  t.match(await other.until('node.beat'), [{ body: { held: [{ ...ref('c', 'job-2'), is: 'waiting' }], done: [] } }])
  t.equal((await peer.until('task.done', 2)).length, 2, 'the result comes again with the beat')
  await time.pass(2_000)
  t.equal((await peer.until('node.beat', 2)).length, 2)
})

t.test('who spoke to this node within the last minute is told what is free, though nothing is held of it', async (t) => {
  const { beats, peer, time, interest, sender } = await open(t)
  interest.touch(peer.id, time.now())
  beats.start()
  await time.pass(2_000)
  t.match(await peer.until('node.beat'), [{ body: { free: 5, held: [], done: [] } }])
  await time.pass(58_000)
  await peer.until('node.beat', 30)
  await time.pass(10_000)
  await sender.flush()
  t.equal(peer.of('node.beat').length, 30)
})

t.test('what does not fit into one beat goes on in the next, all but the last say so, each under 64 KiB', async (t) => {
  const { beats, peer, hold, outbox, sender } = await open(t)
  const long = 'x'.repeat(180)
  for (let i = 0; i < 70; i++) await hold(`${i}-${long}`, { job: 'j'.repeat(63) })
  for (let i = 0; i < 130; i++) await outbox.put(resultOf(peer.id, `${i}-${long}`, { job: 'j'.repeat(63) }))
  await sender.flush()
  beats.beat(peer.id)
  await sender.flush()
  const heard = peer.of('node.beat')
  t.same(
    heard.map(({ body }) => [body.held.length, body.done.length, body.more]),
    [
      [64, 64, true],
      [6, 64, true],
      [0, 2, false],
    ],
  )
  t.ok(peer.largest <= 65_536)
})

t.test('a job that was not heard of for a day is asked about', async (t) => {
  const { beats, peer, time, jobs, sender } = await open(t)
  jobs.heard('job-9', peer.id)
  beats.start()
  await time.pass(2_000)
  t.equal(sender.sent['node.beat'], undefined, 'not yet: nothing is held of it')
  beats.stop()
  await time.pass(24 * 3_600_000)
  beats.start()
  await time.pass(2_000)
  t.match(await peer.until('node.beat'), [{ body: { held: [], done: [], asks: ['job-9'] } }])
})

t.test('an attempt that waits ends with its lease, two seconds before the coordinator gives it up', async (t) => {
  const { beats, peer, time, hold, table, queue, grant, ref } = await open(t)
  await hold('a', { until: 0 })
  beats.start()
  grant({ leaseMs: 10_000, held: [ref('a')] })
  await time.pass(7_999)
  t.equal(table.size, 1)
  await time.pass(501)
  t.equal(table.size, 0)
  t.equal(queue.size.waiting, 0)
  t.match(await peer.until('task.cancelled'), [{ job: 'job-1', term: 1, body: { tasks: [{ task: 'map/a', attempt: 1, term: 1 }] } }])
})

t.test('a grant counts from the beat that it answers: late, doubled or out of order it gives nothing more', async (t) => {
  const { time, hold, grant, ref } = await open(t)
  const held = await hold('a')
  const of = (at: number, boot = 1) => grant({ from: { boot, at }, held: [ref('a')] })
  await time.pass(6_000)
  of(2_000)
  t.equal(held.until, 10_000)
  of(4_000)
  t.equal(held.until, 12_000)
  of(2_000)
  t.equal(held.until, 12_000, 'of an earlier beat')
  await time.pass(30_000)
  of(6_000)
  of(27_000, 2)
  t.equal(held.until, 12_000, 'of long ago; of another start')
  grant({ held: [ref('a')], from: { boot: 1, at: 90_000 } })
  t.equal(held.until, 44_000, 'nobody gives more than the lease from now')
})

t.test('a pure attempt that runs may finish without a lease, for ten minutes; one that waits is with another by now', async (t) => {
  const { beats, time, hold, table, queue } = await open(t)
  const aborted: string[] = []
  queue.take(
    ({ id }, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted.push(id)
          resolve()
        })
      }),
    2,
  )
  const [pure, other] = [await hold('pure'), await hold('other', { pure: false })]
  pure.is = 'running'
  other.is = 'running'
  await hold('waits')
  beats.start()
  await time.pass(8_500)
  t.same(aborted, [other.id])
  t.equal(table.get('job-1/map/waits#1.1'), undefined)
  await time.pass(599_000)
  t.same(aborted, [other.id])
  await time.pass(1_000)
  t.same(aborted, [other.id, pure.id])
})

t.test('an attempt that runs is told to end, once, and leaves when its code has ended', async (t) => {
  const { beats, time, hold, table, queue, peer } = await open(t)
  const aborted: string[] = []
  let end = () => {}
  queue.take(
    ({ id }, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => aborted.push(id))
        end = resolve
      }),
    1,
  )
  const held = await hold('a', { pure: false })
  held.is = 'running'
  beats.start()
  await time.pass(20_000)
  t.same(aborted, [held.id])
  t.equal(table.size, 1, 'its code has not ended')
  t.equal(peer.of('task.cancelled').length, 0, 'the executor tells')
  end()
})

t.test('a grant of a coordinator that it does not belong to changes nothing', async (t) => {
  const { air, beats, time, hold, table, grant, ref } = await open(t)
  const held = await hold('a')
  const other = await air.peer()
  beats.start()
  await time.pass(5_000)
  grant({ leaseMs: 600_000, held: [ref('a')] }, other.id)
  t.equal(held.until, 8_000)
  grant({ leaseMs: 10_000, held: [ref('a'), ref('nobody')] })
  t.equal(held.until, 13_000)
  await time.pass(7_500)
  t.equal(table.size, 1)
})

t.test('a grant that comes too late does not bring back an attempt that is being ended', async (t) => {
  const { beats, time, hold, queue, grant, ref } = await open(t)
  queue.take((_, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())), 1)
  const held = await hold('a', { pure: false })
  held.is = 'running'
  beats.start()
  await time.pass(8_000)
  t.equal(held.until, Number.POSITIVE_INFINITY)
  grant({ held: [ref('a')] })
  t.equal(held.until, Number.POSITIVE_INFINITY)
})

t.test('what is noted leaves the outbox, on the word of its own coordinator only', async (t) => {
  const { air, peer, outbox, grant, ref } = await open(t)
  const other = await air.peer()
  for (const task of ['a', 'b']) await outbox.put(resultOf(peer.id, task))
  grant({ noted: [ref('a'), ref('b')] }, other.id)
  t.equal(outbox.size, 2)
  grant({ noted: [ref('a')] })
  t.same(
    outbox.of(peer.id).map(({ task }) => task),
    ['map/b'],
  )
})

t.test('a cancelled attempt that waits is gone and told, one that is done is forgotten', async (t) => {
  const { air, peer, hold, table, queue, outbox, cancel } = await open(t)
  const other = await air.peer()
  await hold('a')
  await outbox.put(resultOf(peer.id, 'b'))
  for (const task of ['a', 'b', 'nobody']) await cancel(task, other.id)
  t.same([table.size, outbox.size], [1, 1], 'a stranger cancels nothing')
  for (const task of ['a', 'b', 'nobody']) await cancel(task)
  t.same([table.size, queue.size.waiting, outbox.size], [0, 0, 0])
  t.match(await peer.until('task.cancelled'), [{ body: { tasks: [{ task: 'map/a' }] } }])
})

t.test('when a job is closed nothing of it stays: attempts, results, pins, folders', async (t) => {
  const { air, peer, hold, table, outbox, jobs, store, states, close } = await open(t)
  const other = await air.peer()
  const keep = async (job: string) => {
    jobs.heard(job, peer.id)
    await hold('a', { job })
    await outbox.put(resultOf(peer.id, 'b', { job }))
    await store.addFile(bytes(job), { pin: pinOf(job, peer.id) })
    await mkdir(join(states, job))
  }
  const kept = async () => {
    const pins: string[] = []
    for await (const { name } of store.pins()) pins.push(name)
    return {
      held: table.of(peer.id).map(({ job }) => job),
      results: outbox.of(peer.id).map(({ job }) => job),
      pins,
      folders: ['job-1', 'job-2'].filter((job) => existsSync(join(states, job))),
    }
  }
  await keep('job-1')
  await keep('job-2')
  const both = await kept()
  await close('job-1', other.id)
  t.same(await kept(), both, 'a stranger closes nothing')
  await close('job-1')
  t.same(await kept(), { held: ['job-2'], results: ['job-2'], pins: [pinOf('job-2', peer.id)], folders: ['job-2'] })
})

t.test('it knows of whom it holds something', async (t) => {
  const { beats, peer, air, hold, outbox } = await open(t)
  const other = await air.peer()
  t.notOk(beats.concerns(peer.id))
  await hold('a')
  await outbox.put(resultOf(other.id, 'b'))
  t.ok(beats.concerns(peer.id))
  t.ok(beats.concerns(other.id))
})

t.test('what the queue has lost is given up and told; what runs goes on', async (t) => {
  const { beats, peer, table, hold, sender } = await open(t)
  const a = await hold('a')
  const b = await hold('b')
  b.is = 'running'
  beats.lost([a.id, b.id, 'unknown'])
  await sender.flush()
  t.match(peer.of('task.cancelled'), [{ body: { tasks: [{ task: 'map/a', attempt: 1, term: 1 }] } }])
  t.equal(table.get(a.id), undefined)
  t.equal(table.get(b.id), b)
})

t.test('between two beats whoever is interested can be told how much room there is, and no more', async (t) => {
  const { beats, peer, air, time, interest, sender, hold, outbox } = await open(t)
  const other = await air.peer()
  const stranger = await air.peer()
  await hold('a')
  await outbox.put(resultOf(peer.id, 'b'))
  interest.touch(other.id, time.now())
  beats.tellAllRoom()
  await sender.flush()
  const room = { free: 5, more: true, held: [], done: [], asks: [] }
  t.match(peer.of('node.beat'), [{ body: room }])
  t.match(other.of('node.beat'), [{ body: room }])
  t.same(stranger.of('node.beat'), [])
  t.equal(peer.of('task.done').length, 1, 'results are not sent again with it')
})
