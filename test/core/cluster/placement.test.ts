import fc from 'fast-check'
import t from 'tap'
import type { Node } from '../../../src/core/cluster/members.ts'
import { choose, firstOf, fits, fitting, rank, type Want } from '../../../src/core/cluster/placement.ts'

const node: Node = {
  id: 'a',
  state: 'up',
  announced: 'up',
  boot: 1,
  seq: 1,
  seenAt: 0,
  certificate: new Uint8Array(),
  name: 'a',
  addresses: [],
  slots: 1,
  room: 3,
  kinds: ['mr@1', 'crawl@2'],
  labels: ['gpu', 'zone=attic'],
  engines: ['python'],
  memory: 1000,
  version: '0',
  jobs: 0,
}
const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,8}$/), { minLength: 1, maxLength: 12 })

t.test('the order depends on the set of nodes alone, not on the order they are told in', async () => {
  fc.assert(
    fc.property(names, fc.string(), (nodes, key) => {
      t.same(rank(key, nodes), rank(key, [...nodes].reverse()))
    }),
    { seed: 1 },
  )
})

t.test('a node that goes moves only its own keys', async () => {
  fc.assert(
    fc.property(names, fc.string(), (nodes, key) => {
      const order = rank(key, nodes)
      const less = nodes.filter((_, index) => index > 0)
      t.same(
        rank(key, less),
        order.filter((name) => name !== nodes[0]),
      )
    }),
    { seed: 2 },
  )
})

t.test('the best-ranked is chosen, a preferred one before it', async (t) => {
  const nodes = ['a', 'b', 'c', 'd']
  const [first, ...others] = rank('split-7', nodes)
  t.equal(choose('split-7', nodes), first)
  t.equal(choose('split-7', nodes, ['x', others[1]!]), others[1])
  t.equal(choose('split-7', others), others[0])
  t.equal(choose('split-7', []), undefined)
})

t.test('of the first N a dead one is replaced by the next', async (t) => {
  const nodes = ['a', 'b', 'c', 'd', 'e']
  const order = rank('job-1', nodes)
  t.same(firstOf(2, 'job-1', nodes), order.slice(0, 2))
  t.same(
    firstOf(
      2,
      'job-1',
      nodes.filter((name) => name !== order[0]),
    ),
    order.slice(1, 3),
  )
  t.equal(firstOf(9, 'job-1', nodes).length, 5)
})

t.test('keys spread over the nodes', async (t) => {
  const counts = new Map<string, number>()
  for (let i = 0; i < 4000; i++) {
    const best = rank(`task-${i}`, ['a', 'b', 'c', 'd'])[0]!
    counts.set(best, (counts.get(best) ?? 0) + 1)
  }
  for (const count of counts.values()) t.ok(count > 850 && count < 1150, `${count} of 4000`)
})

t.test('a node fits by state, kind, labels, memory, engine and `on`', async (t) => {
  const want: Want = { kind: 'mr@1' }
  const yes: Want[] = [want, { ...want, needs: { labels: ['gpu', 'zone', 'zone=attic'], memory: 1000, engine: 'python' } }, { ...want, on: ['b', 'a'] }]
  const no: Want[] = [
    { kind: 'mr@2' },
    { ...want, needs: { labels: ['zone=cellar'] } },
    { ...want, needs: { labels: ['zon'] } },
    { ...want, needs: { memory: 1001 } },
    { ...want, needs: { engine: 'tfjs-node' } },
    { ...want, on: [] },
  ]
  for (const each of yes) t.ok(fits(node, each), JSON.stringify(each))
  for (const each of no) t.notOk(fits(node, each), JSON.stringify(each))
  t.same(
    fitting(
      [
        { ...node, state: 'draining' },
        { ...node, state: 'suspect' },
        { ...node, state: 'gone' },
      ],
      want,
    ),
    [],
  )
})
