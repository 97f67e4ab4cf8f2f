import t from 'tap'
import { createMembers, type MemberEvent, staleMs } from '../../../src/core/cluster/members.ts'
import type { NodePresence } from '../../../src/core/wire/message.ts'

const presence: NodePresence = {
  certificate: new Uint8Array(),
  name: 'pi',
  state: 'up',
  addresses: ['http://127.0.0.1:1'],
  slots: 2,
  room: 6,
  kinds: ['mr@1'],
  labels: [],
  engines: [],
  memory: 1 << 30,
  version: '0.1.0',
  jobs: 0,
}
const came = (src: string, boot = 1, seq = 5, more: Partial<NodePresence> = {}): MemberEvent => ({
  is: 'presence',
  src,
  boot,
  seq,
  presence: { ...presence, ...more },
})

t.test('the newest (boot, seq) wins, whatever the order of arrival', async (t) => {
  const members = createMembers()
  members.next(came('a', 2, 1, { name: 'new' }), 0)
  t.same(members.next(came('a', 1, 900, { name: 'old' }), 1), [], 'an older boot says nothing')
  t.same(members.next(came('a', 2, 1, { name: 'again' }), 1), [], 'nor the same word again')
  t.equal(members.get('a')?.name, 'new')
  t.match(members.next(came('a', 2, 2, { name: 'newer' }), 2), [{ is: 'changed', node: { name: 'newer', seenAt: 2 } }])
  t.match(members.next(came('a', 3, 1), 3), [{ is: 'changed', node: { boot: 3 } }])
})

t.test('a will means probe now, and the probe decides', async (t) => {
  const members = createMembers()
  members.next(came('a', 7, 5, { state: 'draining' }), 0)
  const asked = members.next({ is: 'gone', src: 'a', boot: 7, seq: 1, closed: false }, 10)
  t.match(asked, [
    { is: 'changed', node: { state: 'suspect' } },
    { is: 'probe', node: { id: 'a' } },
  ])
  t.match(members.next({ is: 'probed', node: 'a', boot: 7 }, 20), [{ is: 'changed', node: { state: 'draining', seenAt: 20 } }], 'it is what it was')
  members.next({ is: 'gone', src: 'a', boot: 7, seq: 1, closed: false }, 30)
  t.match(members.next({ is: 'probed', node: 'a', boot: undefined }, 40), [{ is: 'changed', node: { state: 'gone' } }])
})

t.test('the will of an earlier boot does not touch the node that came back', async (t) => {
  const members = createMembers()
  members.next(came('a', 8), 0)
  t.same(members.next({ is: 'gone', src: 'a', boot: 7, seq: 1, closed: false }, 1), [])
  t.equal(members.get('a')?.state, 'up')
})

t.test('an answer of another boot says that the known one is dead', async (t) => {
  const members = createMembers()
  members.next(came('a', 8), 0)
  members.next({ is: 'gone', src: 'a', boot: 8, seq: 1, closed: false }, 1)
  t.match(members.next({ is: 'probed', node: 'a', boot: 9 }, 2), [{ node: { state: 'gone' } }])
  t.match(members.next(came('a', 9, 1), 3), [{ node: { state: 'up', boot: 9 } }])
})

t.test('a node that closed is gone at once; a late presence of before does not bring it back', async (t) => {
  const members = createMembers()
  members.next(came('a', 8, 5), 0)
  t.match(members.next({ is: 'gone', src: 'a', boot: 8, seq: 9, closed: true }, 1), [{ node: { state: 'gone' } }])
  t.same(members.next(came('a', 8, 8), 2), [])
  t.equal(members.get('a')?.state, 'gone')
})

t.test('a message of a node that is gone brings back the question, not the node', async (t) => {
  const members = createMembers()
  members.next(came('a', 8), 0)
  members.next({ is: 'gone', src: 'a', boot: 8, seq: 9, closed: true }, 1)
  t.match(members.next({ is: 'heard', src: 'a', boot: 8 }, 2), [{ node: { state: 'suspect' } }, { is: 'probe' }])
  t.same(members.next({ is: 'heard', src: 'a', boot: 7 }, 3), [], 'of an older boot: nothing')
})

t.test('a node that is silent for long is probed, one that speaks is not', async (t) => {
  const members = createMembers()
  members.next(came('a'), 0)
  members.next(came('b'), 0)
  members.next({ is: 'heard', src: 'b', boot: 1 }, staleMs - 1)
  const asked = members.next({ is: 'tick' }, staleMs)
  t.same(
    asked.map((instruction) => [instruction.is, 'node' in instruction && instruction.node.id]),
    [
      ['changed', 'a'],
      ['probe', 'a'],
    ],
  )
  t.same(members.next({ is: 'tick' }, staleMs + 1), [], 'once')
})

t.test('a full table gives up the longest gone, and refuses when all are alive', async (t) => {
  const members = createMembers(3)
  for (const id of ['a', 'b', 'c']) members.next(came(id), 0)
  t.same(members.next(came('d'), 1), [{ is: 'full', src: 'd' }])
  members.next({ is: 'gone', src: 'b', boot: 1, seq: 9, closed: true }, 2)
  members.next({ is: 'gone', src: 'a', boot: 1, seq: 9, closed: true }, 3)
  t.match(members.next(came('d'), 4), [{ is: 'changed' }])
  t.same(
    members
      .list()
      .map(({ id }) => id)
      .sort(),
    ['a', 'c', 'd'],
  )
})
