import t, { type Test } from 'tap'
import { createBeats } from '../../agent/beats.ts'
import { createIntake } from '../../agent/intake.ts'
import { createRoute } from '../../agent/route.ts'
import { kindsOf } from '../../src/core/kinds.ts'
import { silent } from '../../src/core/log.ts'
import type { Body, Message, MessageType } from '../../src/core/wire/message.ts'
import { plugins } from '../../src/plugins/index.ts'
import { recording } from '../core/transfer/nodes.ts'
import { bytes, openRooms, resultOf } from './rooms.ts'

/** The rooms of a node behind one ear. */
async function open(t: Test) {
  const rooms = await openRooms(t)
  const { table, queue, outbox, jobs, interest, sender, free, time: clock, air } = rooms
  const peer = await air.peer()
  const notAfter = clock.wall() + 60_000
  const intake = createIntake({
    table,
    queue,
    outbox,
    jobs,
    sender,
    boot: 1,
    kinds: kindsOf(plugins),
    clock,
    log: silent,
    check: () => ({ domain: air.domain.id, job: 'job-1', kind: 'echo@1', node: peer.id, limits: {}, permissions: {}, notAfter }),
  })
  const beats = createBeats({ table, queue, outbox, jobs, interest, sender, boot: 1, free, clock, log: silent })
  t.teardown(() => beats.stop())
  const received: Message[] = []
  const interested: string[] = []
  const { log, lines } = recording()
  const route = createRoute({
    intake,
    beats,
    coordinator: {
      receive(message) {
        if (message.type === 'task.failed') throw new Error('planned')
        received.push(message)
      },
    },
    interested: (id, what) => void interested.push(`${id === peer.id ? 'peer' : id} ${what ?? ''}`),
    log,
  })
  const hear = <T extends MessageType>(type: T, body: Body<T>) =>
    // Type and body belong together: the signature says it.
    route({ type, src: peer.id, dst: air.self, job: 'job-1', term: 1, boot: 1, seq: 1, iat: 0, exp: 0, body } as unknown as Message)
  return { ...rooms, peer, hear, received, interested, lines }
}

const offer = { manifest: new Uint8Array(0), leaseMs: 10_000, pure: true, tasks: [{ task: 'map/a', attempt: 1, stage: 'map', body: bytes('a') }] }
const ref = { task: 'map/a', attempt: 1, term: 1 }
const word = { free: 1, at: 0 }

t.test('commands come to this node’s own work, each to whom it concerns, and tell that somebody is interested', async (t) => {
  const { hear, table, outbox, peer, interested, received, time } = await open(t)
  await hear('task.offer', offer)
  t.same(
    table.of(peer.id).map(({ task, until }) => [task, until]),
    [['map/a', 8_000]],
  )
  await time.pass(5_000)
  await hear('lease.grant', { leaseMs: 10_000, from: { boot: 1, at: 5_000 }, held: [{ ...ref, job: 'job-1' }], noted: [] })
  t.equal(table.of(peer.id)[0]?.until, 13_000)
  await hear('task.cancel', { tasks: [ref], why: 'planned' })
  t.equal(table.size, 0)
  t.same(interested, ['peer offer', 'peer ', 'peer '])
  await outbox.put(resultOf(peer.id, 'b'))
  await hear('job.close', { how: 'done' })
  t.equal(outbox.size, 0)
  t.equal(interested.length, 3, 'who closes wants nothing more')
  t.same(received, [])
})

t.test('facts and progress come to this node’s own jobs; presence is for its neighbours', async (t) => {
  const { hear, received, interested, table } = await open(t)
  await hear('task.accepted', { ...word, tasks: [ref] })
  await hear('task.refused', { ...word, tasks: [{ ...ref, error: { code: 'QUEUE_FULL', message: '' } }] })
  await hear('task.started', { ...word, tasks: [ref] })
  await hear('task.done', { ...word, tasks: [{ ...ref, result: new Uint8Array(0), ms: 1 }] })
  await hear('task.cancelled', { ...word, tasks: [ref] })
  await hear('task.progress', { tasks: [{ task: 'map/a', attempt: 1, fraction: 1 }] })
  await hear('node.beat', { ...word, more: false, held: [], done: [], asks: [] })
  const types = ['task.accepted', 'task.refused', 'task.started', 'task.done', 'task.cancelled', 'task.progress', 'node.beat']
  t.same(
    received.map(({ type }) => type),
    types,
  )
  await hear('node.gone', { certificate: new Uint8Array(0), closed: true })
  t.equal(received.length, types.length)
  t.same([interested.length, table.size], [0, 0])
})

t.test('a message that cannot be handled is said and brings nothing down', async (t) => {
  const { hear, received, lines } = await open(t)
  await hear('task.failed', { ...word, tasks: [{ ...ref, error: { code: 'TASK_FAILED', message: '' }, ms: 1 }] })
  t.match(lines, [{ message: 'message not handled', fields: { type: 'task.failed', job: 'job-1', err: { message: 'planned' } } }])
  await hear('task.cancelled', { ...word, tasks: [ref] })
  t.equal(received.length, 1)
})
