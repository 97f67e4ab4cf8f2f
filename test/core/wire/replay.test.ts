import fc from 'fast-check'
import t from 'tap'
import { createReplay, windowSize } from '../../../src/core/wire/replay.ts'
import { seeded } from '../../fixtures/seed.ts'

t.test('each number is fresh once, in any order', async (t) => {
  const replay = createReplay()
  for (const seq of [5, 3, 9, 4, 1]) t.equal(replay.hear('n', 1, seq), 'fresh')
  for (const seq of [5, 3, 9, 4, 1]) t.equal(replay.hear('n', 1, seq), 'replayed')
  t.equal(replay.hear('m', 1, 5), 'fresh', 'senders do not share numbers')
})

t.test('what is further behind than the window is not believed', async (t) => {
  const replay = createReplay()
  replay.hear('n', 1, windowSize + 5)
  t.equal(replay.hear('n', 1, 5), 'replayed')
  t.equal(replay.hear('n', 1, 6), 'fresh')
})

t.test('a new boot begins anew and ends the one before', async (t) => {
  const replay = createReplay()
  replay.hear('n', 1, 900)
  t.equal(replay.hear('n', 2, 1), 'fresh')
  t.equal(replay.hear('n', 1, 901), 'stale')
  t.equal(replay.hear('n', 2, 1), 'replayed')
})

t.test('the table is bounded, and forgets the one that was silent longest', async (t) => {
  const replay = createReplay(2)
  replay.hear('a', 1, 1)
  replay.hear('b', 1, 1)
  replay.hear('a', 1, 2)
  replay.hear('c', 1, 1)
  t.equal(replay.size, 2)
  t.equal(replay.hear('a', 1, 1), 'replayed', 'a is known still')
  replay.hear('a', 2, 1)
  t.equal(replay.hear('c', 1, 1), 'replayed', 'a new boot of a takes the place of the old')
})

t.test('it agrees with a plain set of all that was heard', async () => {
  // Steps around the window's edge and jumps over whole rings of bits.
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: -40, max: 40 }) },
    fc.constantFrom(-windowSize, 1 - windowSize, -windowSize - 1, 10_239, 10_240, 10_241, 50_000, -10_240),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const replay = createReplay()
      const heard = new Set<number>()
      let highest = Number.NEGATIVE_INFINITY
      let at = 20_000
      for (const by of steps) {
        at = Math.max(0, at + by)
        const fresh = !heard.has(at) && at > highest - windowSize
        if ((replay.hear('n', 1, at) === 'fresh') !== fresh) return false
        heard.add(at)
        highest = Math.max(highest, at)
      }
      return true
    }),
    seeded(500),
  )
})
