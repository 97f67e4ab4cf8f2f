import t from 'tap'
import { createChanges } from '../../../src/core/cluster/changes.ts'
import type { Node } from '../../../src/core/cluster/members.ts'

t.test('each look gives those that came, changed or went; a sign of life is no change', async (t) => {
  let list: Node[] = []
  const changes = createChanges({ list: () => list })
  const node = (id: string, more: Partial<Node> = {}) => ({ id, boot: 1, seq: 1, state: 'up', seenAt: 0, ...more }) as Node
  const look = () => changes().map(({ id }) => id)
  t.same(look(), [])
  list = [node('a'), node('b')]
  t.same(look(), ['a', 'b'])
  list = [node('a', { seenAt: 9 }), node('b', { state: 'suspect' })]
  t.same(look(), ['b'])
  list = [node('a', { boot: 2 }), node('b', { state: 'gone' })]
  t.same(look(), ['a', 'b'])
  list = [node('a', { boot: 2, seq: 2 })]
  t.same(look(), ['a'])
})
