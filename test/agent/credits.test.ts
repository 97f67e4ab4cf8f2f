import fc from 'fast-check'
import t from 'tap'
import { activeMs, createInterest, deal, interestMs } from '../../agent/credits.ts'

const nodes = (count: number) => Array.from({ length: count }, (_, index) => `node-${String(index).padStart(4, '0')}`)
/** `held` by position. */
const places = (room: number, limit: number, held: readonly number[], turn = 0) => {
  const active = nodes(held.length)
  return { room, limit, active, held: (id: string) => held[active.indexOf(id)] ?? 0, turn }
}
const dealt = (room: number, limit: number, held: readonly number[], turn = 0) => nodes(held.length).map((node) => deal(places(room, limit, held, turn), node))
const sum = (list: readonly number[]) => list.reduce((total, one) => total + one, 0)

const any = { room: fc.nat(200), spare: fc.nat(200), held: fc.array(fc.nat(60), { minLength: 1, maxLength: 12 }), turn: fc.nat(10_000) }
const runs = { seed: 7, numRuns: 500 }

t.test('whatever is held, no more is promised at one time than the queue has places', (t) => {
  fc.assert(
    fc.property(any.room, any.spare, any.held, any.turn, (room, spare, held, turn) => {
      const limit = room + spare
      return sum(dealt(room, limit, held, turn)) <= Math.max(0, limit - sum(held))
    }),
    runs,
  )
  t.end()
})

t.test('with nothing held the parts sum to the room, and differ by one at most', (t) => {
  fc.assert(
    fc.property(any.room, fc.integer({ min: 1, max: 40 }), any.turn, (room, count, turn) => {
      const all = dealt(
        room,
        room,
        nodes(count).map(() => 0),
        turn,
      )
      return sum(all) === room && Math.max(...all) - Math.min(...all) <= 1
    }),
    runs,
  )
  t.end()
})

t.test('nobody who has less than its part gets nothing while the queue has a place for each', (t) => {
  fc.assert(
    fc.property(any.room, any.held, any.turn, (room, held, turn) => {
      const all = dealt(room, sum(held) + room + held.length, held, turn)
      return held.every((one, at) => one >= Math.floor(room / held.length) || (all[at] ?? 0) > 0)
    }),
    runs,
  )
  t.end()
})

t.test('one that fills the room makes way for another at once, which gets its part', (t) => {
  t.same(dealt(6, 64, [6]), [0])
  t.same(dealt(6, 64, [6, 0]), [0, 3], 'beyond the room, within the queue')
  t.same(dealt(6, 64, [5, 3]), [0, 0], 'and is not filled up again')
  t.same(dealt(6, 64, [2, 3]), [1, 0])
  t.same(dealt(6, 6, [6, 0]), [0, 0], 'where the queue is full it waits')
  t.same(dealt(6, 6, [5, 0]), [0, 1], 'the first place is its own')
  t.end()
})

t.test('what one leaves, another uses, but for a place', (t) => {
  t.same(dealt(6, 64, [3, 1]), [1, 2])
  t.same(dealt(6, 64, [4, 1]), [0, 2])
  t.same(dealt(6, 64, [3]), [3], 'alone it has all')
  t.end()
})

t.test('with less room than coordinators each has its part in time', (t) => {
  const had = nodes(5).map(() => 0)
  for (let turn = 0; turn < 5; turn++)
    dealt(2, 2, [0, 0, 0, 0, 0], turn).forEach((one, at) => {
      had[at] = (had[at] ?? 0) + one
    })
  t.same(had, [2, 2, 2, 2, 2], 'as many as there is room, in as many turns as there are coordinators')
  t.end()
})

t.test('a stranger is told what it would get', (t) => {
  t.equal(deal(places(6, 64, [0, 0]), 'another'), 2)
  t.equal(deal(places(6, 64, []), 'another'), 6)
  t.equal(deal(places(6, 64, [6]), 'another'), 3)
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

t.test('who made an offer is active for a few seconds; another word does not make it so', (t) => {
  const interest = createInterest()
  interest.touch('b', 0, 'offer')
  interest.touch('a', 0)
  t.same(interest.active(activeMs), ['b'])
  interest.touch('b', activeMs)
  t.same(interest.active(activeMs + 1), [])
  t.end()
})

t.test('of too many coordinators the longest silent is forgotten', (t) => {
  const interest = createInterest()
  for (const node of nodes(1_024)) interest.touch(node, 0)
  interest.touch('node-0000', 0)
  interest.touch('another', 0)
  const now = interest.now(0)
  t.equal(now.length, 1_024)
  t.ok(now.includes('node-0000'), 'it spoke lately')
  t.notOk(now.includes('node-0001'), 'it is the oldest')
  t.end()
})
