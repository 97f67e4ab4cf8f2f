import t, { type Test } from 'tap'
import { createIntake } from '../../agent/intake.ts'
import { errors, fromFailure, IpdcError } from '../../src/core/errors.ts'
import type { Moment } from '../../src/core/job/lease.ts'
import { kindsOf } from '../../src/core/kinds.ts'
import { silent } from '../../src/core/log.ts'
import type { Reason } from '../../src/core/reasons.ts'
import { createIdentity } from '../../src/core/trust/identity.ts'
import { type Manifest, readManifest, signManifest } from '../../src/core/trust/manifest.ts'
import { allows, type Policy } from '../../src/core/trust/policy.ts'
import type { MessageOf } from '../../src/core/wire/message.ts'
import { plugins } from '../../src/plugins/index.ts'
import { bytes, openRooms, resultOf } from './rooms.ts'

/** A node's intake, and a coordinator that is a member of its domain. */
async function open(t: Test, { limit = 8, policy = 'domain' as Policy, closed = undefined as Reason | undefined } = {}) {
  const rooms = await openRooms(t, { limit })
  const { table, queue, outbox, sender, time, air } = rooms
  const { domain, self } = air
  const peer = await air.peer()
  const keyOf = (node: string) => (node === peer.id ? peer.identity.publicKey : undefined)
  const heard: string[] = []
  const intake = createIntake({
    jobs: { heard: (job, coordinator) => void heard.push(`${job} ${coordinator}`) },
    table,
    queue,
    outbox,
    sender,
    boot: 1,
    kinds: kindsOf(plugins),
    clock: time,
    log: silent,
    closed: () => closed,
    check(bytes) {
      const manifest = readManifest(bytes, keyOf)
      const allowed = allows(policy, manifest, { self, domain, wall: time.wall() })
      if (allowed !== true) throw fromFailure(allowed)
      return manifest
    },
  })
  const manifest = (change: Partial<Manifest> = {}): Manifest => ({
    domain: domain.id,
    job: 'job-1',
    kind: 'echo@1',
    node: peer.id,
    limits: {},
    permissions: {},
    notAfter: time.wall() + 60_000,
    ...change,
  })
  const offer = (
    tasks: readonly string[],
    { signed = signManifest(manifest(), peer.identity), job = 'job-1', src = peer.id, attempt = 1, pure = true, from = undefined as Moment | undefined } = {},
  ) =>
    intake.offer({
      type: 'task.offer',
      src,
      dst: self,
      job,
      term: 1,
      boot: 1,
      seq: 1,
      iat: 0,
      exp: 0,
      body: {
        manifest: signed,
        leaseMs: 10_000,
        ...(from === undefined ? {} : { from }),
        pure,
        tasks: tasks.map((task) => ({ task: `map/${task}`, attempt, stage: 'map', body: bytes(task) })),
      },
    } satisfies MessageOf<'task.offer'>)
  return { ...rooms, intake, peer, manifest, offer, heard }
}

t.test('an offer is held, in order, each attempt with its data and its end two seconds before the lease', async (t) => {
  const { offer, table, queue, time, sender, peer } = await open(t)
  await time.pass(100)
  await offer(['a', 'b'])
  t.same(
    table.of(peer.id).map(({ task, kind, stage, is, until, body }) => [task, kind, stage, is, until, Buffer.from(body).toString()]),
    [
      ['map/a', 'echo@1', 'map', 'waiting', 8_100, 'a'],
      ['map/b', 'echo@1', 'map', 'waiting', 8_100, 'b'],
    ],
  )
  t.equal(queue.size.waiting, 2)
  await sender.flush()
  t.match(peer.of('task.accepted'), [{ job: 'job-1', term: 1, body: { tasks: [{ task: 'map/a' }, { task: 'map/b' }] } }])
})

t.test('a lease counts from the time of this node that the offer tells, not from when the offer came', async (t) => {
  const { offer, table, time, peer } = await open(t)
  await time.pass(60_000)
  await offer(['a'], { from: { boot: 1, at: 55_000 }, pure: false })
  await offer(['b'], { from: { boot: 1, at: 55_000 } })
  await offer(['c'], { from: { boot: 1, at: 99_000 }, pure: false })
  t.same(
    table.of(peer.id).map(({ task, until, pure }) => [task, until, pure]),
    [
      ['map/a', 63_000, false],
      ['map/b', 63_000, true],
      ['map/c', 68_000, false],
    ],
    'nobody gives more than the lease from now',
  )
})

t.test('an offer that is older than its lease is refused at no cost, and so is one of which that may be', async (t) => {
  const { offer, table, queue, time, sender, peer } = await open(t)
  await time.pass(60_000)
  await offer(['late'], { from: { boot: 1, at: 52_000 }, pure: false })
  await offer(['late-pure'], { from: { boot: 1, at: 52_000 } })
  await offer(['unknown'], { pure: false })
  await offer(['of-another-start'], { from: { boot: 2, at: 60_000 }, pure: false })
  await sender.flush()
  t.equal(table.size + queue.size.waiting, 0)
  t.match(peer.of('task.refused'), [
    { body: { at: 60_000, tasks: ['late', 'late-pure', 'unknown', 'of-another-start'].map((task) => ({ task: `map/${task}`, error: { code: 'TOO_LATE' } })) } },
  ])
  await offer(['unknown-pure'])
  t.same(
    table.of(peer.id).map(({ task, until }) => [task, until]),
    [['map/unknown-pure', 68_000]],
    'what may run twice begins',
  )
})

t.test('an offer that comes twice is answered twice and held once; another attempt is another', async (t) => {
  const { offer, table, queue, sender, peer } = await open(t)
  await offer(['a'])
  await sender.flush()
  await offer(['a', 'a'])
  await sender.flush()
  t.equal(queue.size.waiting, 1)
  t.equal(peer.of('task.accepted').length, 2)
  await offer(['a'], { attempt: 2 })
  t.equal(table.size, 2)
})

t.test('a task that runs says so when it is offered again', async (t) => {
  const { offer, table, queue, sender, peer } = await open(t)
  let end = () => {}
  queue.take(({ id }) => {
    const held = table.get(id)
    if (held !== undefined) held.is = 'running'
    return new Promise<void>((resolve) => {
      end = resolve
    })
  }, 1)
  await offer(['a'])
  await offer(['a'])
  await sender.flush()
  t.same(
    peer.heard.map(({ type }) => type),
    ['task.started'],
    'it implies accepted',
  )
  end()
})

t.test('a full queue refuses what it has no place for, and keeps the rest', async (t) => {
  const { offer, table, queue, sender, peer } = await open(t, { limit: 2 })
  await offer(['a', 'b', 'c'])
  await sender.flush()
  t.equal(queue.size.waiting, 2)
  t.same(
    table.of(peer.id).map(({ task }) => task),
    ['map/a', 'map/b'],
    'what was refused is not held',
  )
  t.match(peer.of('task.refused'), [{ body: { tasks: [{ task: 'map/c', attempt: 1, error: { code: 'QUEUE_FULL' } }] } }])
  await offer(['c'])
  await sender.flush()
  t.equal(peer.of('task.refused').length, 2, 'again')
})

t.test('a result in the outbox is sent again, and the task does not run again', async (t) => {
  const { offer, table, outbox, sender, peer } = await open(t)
  await outbox.put(resultOf(peer.id, 'a'))
  await sender.flush()
  await offer(['a', 'b'])
  await sender.flush()
  t.equal(peer.of('task.done').length, 2)
  t.same(
    table.of(peer.id).map(({ task }) => task),
    ['map/b'],
  )
})

t.test('draining, it takes nothing new, and still says how things stand', async (t) => {
  const { offer, intake, queue, sender, peer } = await open(t)
  await offer(['a'])
  intake.drain()
  await offer(['a', 'b'])
  await sender.flush()
  t.equal(queue.size.waiting, 1)
  t.match(peer.of('task.accepted'), [{ body: { tasks: [{ task: 'map/a' }] } }])
  t.match(peer.of('task.refused'), [{ body: { tasks: [{ task: 'map/b', error: { code: 'QUEUE_FULL', message: 'This node takes no new tasks' } }] } }])
})

t.test('a node that runs nothing takes nothing, and says why', async (t) => {
  const { offer, queue, sender, peer } = await open(t, { closed: 'paused' })
  await offer(['a'])
  await sender.flush()
  t.equal(queue.size.waiting, 0)
  t.match(peer.of('task.refused'), [{ body: { tasks: [{ error: { code: 'QUEUE_FULL', message: 'This node takes no new tasks: it is paused' } }] } }])
})

t.test('what the manifest does not cover is refused with a code, task for task, and nothing is held', async (t) => {
  const { offer, manifest, table, queue, sender, peer, time } = await open(t)
  const stranger = createIdentity()
  const forged = signManifest(manifest(), peer.identity)
  forged[forged.length - 3] = (forged[forged.length - 3] ?? 0) ^ 1
  const ofAnother = signManifest(manifest({ node: stranger.id }), stranger)
  const cases: [string, string, Uint8Array][] = [
    ['of another job', 'REFUSED', signManifest(manifest({ job: 'job-2' }), peer.identity)],
    ['of another domain', 'REFUSED', signManifest(manifest({ domain: 'elsewhere' }), peer.identity)],
    ['that ran out', 'REFUSED', signManifest(manifest({ notAfter: time.wall() - 1 }), peer.identity)],
    ['that brings code', 'REFUSED', signManifest(manifest({ code: 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku' }), peer.identity)],
    ['by nobody known', 'NOT_MEMBER', ofAnother],
    ['that was changed', 'BAD_SIGNATURE', forged],
    ['of a kind that is not here', 'WRONG_KIND', signManifest(manifest({ kind: 'other@1' }), peer.identity)],
    ['of another version of a kind', 'WRONG_KIND', signManifest(manifest({ kind: 'echo@2' }), peer.identity)],
    ['that is none', 'BAD_DATA', bytes('manifest')],
  ]
  for (const [about, code, signed] of cases) {
    const before = peer.of('task.refused').length
    await offer(['a', 'b'], { signed })
    await sender.flush()
    const [told] = peer.of('task.refused').slice(before)
    t.match(
      told?.body.tasks,
      [
        { task: 'map/a', error: { code } },
        { task: 'map/b', error: { code } },
      ],
      about,
    )
  }
  t.equal(table.size + queue.size.waiting, 0)
})

t.test('a node that runs its own jobs only refuses those of others', async (t) => {
  const { offer, table, sender, peer } = await open(t, { policy: 'mine' })
  await offer(['a'])
  await sender.flush()
  t.match(peer.of('task.refused'), [{ body: { tasks: [{ error: { code: 'REFUSED' } }] } }])
  t.equal(table.size, 0)
})

t.test('while the queue is down what comes is refused at no cost, and taken again when it works', async (t) => {
  const { offer, table, queue, sender, peer } = await open(t)
  const { add } = queue
  queue.add = async () => {
    throw new IpdcError('QUEUE_DOWN', { message: 'The disk is full', hint: 'Make room' })
  }
  await offer(['a', 'b'])
  await sender.flush()
  t.equal(table.size, 0)
  const error = { code: 'QUEUE_DOWN', message: 'The disk is full', hint: 'Make room' }
  t.match(peer.of('task.refused'), [
    {
      body: {
        tasks: [
          { task: 'map/a', error },
          { task: 'map/b', error },
        ],
      },
    },
  ])
  t.equal(errors.QUEUE_DOWN.retry, 'later', 'which is no word against the node')
  queue.add = add
  await offer(['a'])
  t.equal(table.size, 1)
})
