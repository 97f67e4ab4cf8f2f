import t, { type Test } from 'tap'
import { openConnection } from '../../agent/connection.ts'
import { watchHealth } from '../../agent/health.ts'
import { openMembership } from '../../agent/membership.ts'
import { version } from '../../agent/version.ts'
import { createViews } from '../../agent/views.ts'
import type { NodeStatus } from '../../src/core/client/api.ts'
import { createMembers, type Node } from '../../src/core/cluster/members.ts'
import { silent } from '../../src/core/log.ts'
import { bytes, folder, openRooms, resultOf } from './rooms.ts'

/** The views of an agent that has real rooms, and what it was told of others. */
async function open(t: Test) {
  const rooms = await openRooms(t)
  const { store, queue, outbox, time } = rooms
  const home = await folder(t)
  const membership = await openMembership(home, time.wall())
  const self = membership.identity.id
  const connection = await openConnection({ config: { broker: [] }, home, self, log: silent })
  t.teardown(() => connection.close())
  const health = watchHealth(() => false)
  t.teardown(() => health.stop())
  const members = createMembers()
  const status: NodeStatus = { node: self, now: 1, slots: 2, reason: 'full', queue: { use: 'memory', waiting: 3, running: 1, limit: 8 } }
  const answers = new Map<string, NodeStatus>()
  const asked: string[][] = []
  const views = createViews({
    home,
    name: 'ada',
    membership,
    throwAway: false,
    connection,
    gateway: { url: 'http://127.0.0.1:1', servedBytes: 11 },
    fetchedBytes: () => 22,
    queue,
    store,
    outbox,
    health,
    refused: { forged: 1 },
    sent: { 'node.beat': 2 },
    openJobs: () => 3,
    members,
    clock: time,
    status: () => status,
    asking: {
      async statuses(nodes: readonly Node[]) {
        asked.push(nodes.map(({ name }) => name))
        return answers
      },
    },
  })
  const show = (id: string, name: string, change = {}) => {
    const presence = {
      certificate: new Uint8Array(0),
      name,
      state: 'up' as const,
      addresses: [`http://${name}`],
      slots: 4,
      room: 12,
      kinds: ['mr@1'],
      labels: ['disk=ssd'],
      engines: [],
      memory: 7,
      version: '0',
      jobs: 0,
      ...change,
    }
    members.next({ is: 'presence', src: id, boot: 4, seq: 1, presence }, time.now())
  }
  return { ...rooms, views, home, self, membership, connection, members, answers, asked, show, health }
}

t.test('an agent tells who it is, where all its things are, and what it has counted', async (t) => {
  const { views, home, self, membership, connection, store, outbox, queue, time, health } = await open(t)
  await store.addFile(bytes('hello'), { pin: 'p' })
  await outbox.put(resultOf('node', 'a'))
  await queue.add({ id: 'x', data: bytes('x') })
  health.count('node.beat')
  await time.pass(61_400)
  const view = await views.agent()
  t.match(view, {
    version,
    pid: process.pid,
    home,
    node: self,
    name: 'ada',
    domain: { id: membership.domain.id, name: 'home', throwAway: false },
    broker: { is: 'new', url: connection.url, serving: connection.url },
    gateway: { url: 'http://127.0.0.1:1', servedBytes: 11, fetchedBytes: 22 },
    queue: { waiting: 1, running: 0, limit: 8 },
    store: { use: 'embedded', blocks: 1 },
    outbox: 1,
    refused: { forged: 1 },
    messages: { sent: { 'node.beat': 2 }, received: { 'node.beat': 1 } },
    openJobs: 3,
    upSeconds: 61,
  })
  t.notOk('cause' in view.broker)
})

t.test('how it stands with the broker is told as it is', async (t) => {
  const { views, connection } = await open(t)
  await connection.broker.presence()
  t.match((await views.agent()).broker, { is: 'up', url: connection.url })
  await connection.broker.close()
  t.match((await views.agent()).broker, { is: 'closed' })
})

t.test('nodes are in order of their names, this one with all that it knows of itself, others as their presence told', async (t) => {
  const { views, show, self, members, time, asked } = await open(t)
  show('c', 'zoe', { now: 1, reason: 'memory' })
  show(self, 'ada')
  show('b', 'bob', { reason: 'a reason of tomorrow' })
  members.next({ is: 'gone', src: 'b', boot: 4, seq: 2, closed: true }, time.now())
  await time.pass(90_400)
  const nodes = await views.nodes(false)
  t.match(nodes, [
    { name: 'ada', id: self, self: true, now: 1, slots: 2, reason: 'full', seenSeconds: 0, agent: { node: self } },
    { name: 'bob', id: 'b', self: false, state: 'gone', now: 4, slots: 4, seenSeconds: 90 },
    { name: 'zoe', id: 'c', self: false, state: 'up', now: 1, slots: 4, reason: 'memory', boot: 4, room: 12, labels: ['disk=ssd'], addresses: ['http://zoe'] },
  ])
  t.notOk(nodes[1] !== undefined && 'reason' in nodes[1], 'a word that is not known is not shown')
  t.notOk(nodes.some((node) => node.id !== self && 'agent' in node))
  t.same(asked, [[]])
})

t.test('where they are asked, their own word counts for more than their presence; the gone are not asked', async (t) => {
  const { views, show, self, members, time, asked, answers } = await open(t)
  const known = [
    [self, 'ada'],
    ['b', 'bob'],
    ['c', 'zoe'],
    ['d', 'dan'],
  ] as const
  for (const [id, name] of known) show(id, name, { reason: 'memory', now: 1 })
  members.next({ is: 'gone', src: 'b', boot: 4, seq: 2, closed: true }, time.now())
  answers.set('c', { node: 'c', now: 4, slots: 4, reason: undefined, queue: { use: 'embedded', waiting: 9, running: 4, limit: 99 } })
  const nodes = await views.nodes(true)
  t.same(
    asked.map((names) => names.toSorted()),
    [['dan', 'zoe']],
  )
  const of = (name: string) => nodes.find((node) => node.name === name)
  t.match(of('zoe'), { now: 4, queue: { waiting: 9 } })
  t.equal(of('zoe')?.reason, undefined, 'nothing holds it back any more')
  t.match(of('dan'), { now: 1, reason: 'memory' })
})
