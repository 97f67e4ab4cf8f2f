import t, { type Test } from 'tap'
import { createBeats } from '../../agent/beats.ts'
import { idOf, pack } from '../../agent/held.ts'
import { graceMs, openRecovery } from '../../agent/recovery.ts'
import { silent } from '../../src/core/log.ts'
import type { Body } from '../../src/core/wire/message.ts'
import { turn } from '../fakes/time.ts'
import { bytes, offerOf, openRooms } from './rooms.ts'

const boot = 2

/** A node whose queue was opened with these tasks of a peer, before it is on the air. */
async function open(t: Test, tasks: readonly string[] = ['a', 'b', 'c'], damaged: readonly string[] = []) {
  const rooms = await openRooms(t, { limit: 100 })
  const { table, queue, outbox, jobs, interest, sender, free, time: clock } = rooms
  const peer = await rooms.air.peer()
  await queue.pause()
  for (const task of tasks) await queue.add({ id: idOf(offerOf(peer.id, task)), data: pack(offerOf(peer.id, task)) })
  for (const id of damaged) await queue.add({ id, data: bytes('no offer') })
  const decided: boolean[] = []
  const beats = createBeats({ table, queue, outbox, jobs, interest, sender, boot, free, decided: () => recovery.look(), clock, log: silent })
  t.teardown(() => beats.stop())
  const recovery = await openRecovery({
    queue,
    table,
    jobs,
    tell: beats.beat,
    end: beats.end,
    decided: () => void decided.push(recovery.isOpen),
    clock,
    log: silent,
  })
  t.teardown(() => recovery.stop())
  const begun: string[] = []
  queue.take(async ({ id }) => void begun.push(id), 10)
  const from = { dst: rooms.air.self, job: 'job-1', term: undefined, boot: 1, seq: 1, iat: 0, exp: 0 }
  const ref = (task: string) => ({ job: 'job-1', task: `map/${task}`, term: 1, attempt: 1 })
  const grant = (granted: readonly string[], change: Partial<Body<'lease.grant'>> & { src?: string } = {}) => {
    const { src = peer.id, ...more } = change
    const body = { leaseMs: 10_000, from: { boot, at: clock.now() }, held: granted.map(ref), noted: [], ...more }
    beats.granted({ ...from, src, type: 'lease.grant', body })
  }
  const cancel = (task: string) =>
    beats.cancelled({ ...from, src: peer.id, type: 'task.cancel', body: { tasks: [{ task: `map/${task}`, attempt: 1, term: 1 }], why: 'planned' } })
  const close = () => beats.closed({ ...from, src: peer.id, type: 'job.close', body: { how: 'done' } })
  return { ...rooms, beats, recovery, decided, peer, begun, ref, grant, cancel, close, id: (task: string) => idOf(offerOf(peer.id, task)) }
}

t.test('what the queue held is told, and starts when all of it is granted', async (t) => {
  const { beats, recovery, decided, peer, begun, ref, grant, sender, id } = await open(t)
  t.equal(recovery.isOpen, true)
  await recovery.start()
  await sender.flush()
  t.match(await peer.until('node.beat'), [{ body: { held: ['a', 'b', 'c'].map((task) => ({ ...ref(task), is: 'waiting', kept: true })) } }])
  grant(['a', 'b'])
  await turn()
  t.same(begun, [], 'not before all is decided')
  grant(['c'])
  beats.beat(peer.id)
  await sender.flush()
  t.notOk(
    (await peer.until('node.beat', 2))[1]?.body.held.some(({ kept }) => kept === true),
    'what is granted is as any other',
  )
  await turn()
  t.same(begun, ['a', 'b', 'c'].map(id))
  t.same(decided, [false], 'said once, when new work may come')
})

t.test('what its coordinator does not want is dropped, and the rest goes on', async (t) => {
  const { recovery, begun, grant, cancel, table, id } = await open(t)
  await recovery.start()
  grant(['a', 'c'])
  await cancel('b')
  await turn()
  t.same(begun, ['a', 'c'].map(id))
  t.equal(table.get(id('b')), undefined)
})

t.test('what belongs to a closed job is dropped', async (t) => {
  const { recovery, begun, close, table, queue } = await open(t)
  await recovery.start()
  await close()
  await turn()
  t.equal(table.size, 0)
  t.match(queue.size, { waiting: 0, running: 0 })
  t.same(begun, [])
})

t.test('without a word of its coordinator all is dropped when a right that was given at the start would have ended', async (t) => {
  const { recovery, begun, grant, table, queue, time, peer, sender, id } = await open(t)
  await time.pass(60_000)
  await recovery.start()
  grant(['b'])
  grant(['a'], { src: 'somebody' })
  grant(['a'], { from: { boot: 1, at: 0 } })
  await time.pass(graceMs - 1)
  t.equal(table.size, 3)
  t.same(begun, [], 'the word of another, and one that answers the start before, count for nothing')
  await time.pass(1)
  t.equal(table.get(id('a')), undefined)
  t.same(begun, [id('b')])
  t.match(queue.size, { waiting: 0 })
  await sender.flush()
  const told = (await peer.until('task.cancelled')).flatMap(({ body }) => body.tasks.map(({ task }) => task))
  t.same(told.sort(), ['map/a', 'map/c'])
})

t.test('what is no attempt is dropped at once; a queue that held nothing starts at once', async (t) => {
  const { recovery, begun, queue, table } = await open(t, [], ['x'])
  t.equal(table.size, 0)
  t.match(queue.size, { waiting: 0 })
  await recovery.start()
  await queue.add({ id: 'y', data: bytes('') })
  await turn()
  t.same(begun, ['y'])
})

t.test('a recovered attempt tells that it started when it does', async (t) => {
  const { recovery, grant, table, id } = await open(t, ['a'])
  await recovery.start()
  const held = table.get(id('a'))
  t.match(held, { told: 'accepted', asks: true })
  grant(['a'])
  t.match(held, { asks: false })
})
