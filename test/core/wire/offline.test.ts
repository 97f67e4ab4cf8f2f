import t from 'tap'
import { createOffline, maxAway, maxAwayMs, maxKept } from '../../../src/core/wire/offline.ts'

t.test('a client that is away has a bounded number of messages kept, one that is here all', async (t) => {
  const offline = createOffline()
  offline.left('a', 0)
  for (let i = 0; i < maxKept; i++) if (!offline.keeps('a')) t.fail(`dropped at ${i}`)
  t.notOk(offline.keeps('a'))
  t.ok(offline.keeps('b'))
  offline.came('a')
  t.ok(offline.keeps('a'))
})

t.test('a client that stays away is forgotten, and so is the longest away when there are too many', async (t) => {
  const offline = createOffline()
  offline.left('a', 0)
  t.same(offline.left('b', maxAwayMs - 1), [])
  t.same(offline.left('c', maxAwayMs), ['a'])
  const crowd = createOffline()
  for (let i = 0; i < maxAway; i++) t.same(crowd.left(`${i}`, i), [])
  t.same(crowd.left('0', maxAway), [], 'who left again is the newest')
  t.same(crowd.left('one more', maxAway), ['1'])
})
