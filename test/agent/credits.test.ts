import fc from 'fast-check'
import t from 'tap'
import { createInterest, interestMs, share } from '../../agent/credits.ts'

const nodes = (count: number) => Array.from({ length: count }, (_, index) => `node-${index}`)

t.test('at any one turn the shares of all who are interested sum to the room, and differ by one at most', (t) => {
  fc.assert(
    fc.property(fc.nat(500), fc.integer({ min: 1, max: 40 }), fc.nat(10_000), (room, count, turn) => {
      const all = nodes(count)
      const shares = all.map((node) => share(room, all, node, turn))
      return shares.reduce((sum, one) => sum + one, 0) === room && Math.max(...shares) - Math.min(...shares) <= 1
    }),
    { seed: 7 },
  )
  t.end()
})

t.test('with less room than coordinators each has its share in time', (t) => {
  const all = nodes(5)
  for (const node of all) {
    const had = all.map((_, turn) => share(2, all, node, turn)).reduce((sum, one) => sum + one, 0)
    t.equal(had, 2, 'as many as there is room, in as many turns as there are coordinators')
  }
  t.end()
})

t.test('a stranger is told what it would get', (t) => {
  t.equal(share(6, ['a', 'b'], 'c', 0), 2)
  t.equal(share(6, [], 'c', 0), 6)
  t.end()
})

t.test('interest lasts a minute from the last word, and is listed in one order', (t) => {
  const interest = createInterest()
  interest.touch('b', 0)
  interest.touch('a', 1_000)
  t.same(interest.now(interestMs), ['a', 'b'])
  t.same(interest.now(interestMs + 1), ['a'], 'b is a minute old')
  interest.touch('a', interestMs)
  t.same(interest.now(2 * interestMs), ['a'], 'a spoke again')
  t.same(interest.now(2 * interestMs + 1), [])
  t.end()
})

t.test('of too many coordinators the longest silent is forgotten', (t) => {
  const interest = createInterest()
  for (const node of nodes(1_024)) interest.touch(node, 0)
  interest.touch('node-0', 0)
  interest.touch('another', 0)
  const now = interest.now(0)
  t.equal(now.length, 1_024)
  t.ok(now.includes('node-0'), 'it spoke lately')
  t.notOk(now.includes('node-1'), 'it is the oldest')
  t.end()
})
