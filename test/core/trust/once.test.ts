import t from 'tap'
import { createOnce } from '../../../src/core/trust/once.ts'

t.test('what was used is refused until it would not hold anyway', async (t) => {
  const once = createOnce()
  once.use('a', 1_000, 0)
  t.throws(() => once.use('a', 1_000, 1_000), { code: 'BAD_SIGNATURE' })
  t.doesNotThrow(() => once.use('a', 3_000, 1_001))
})

t.test('when it is full none is taken, and none forgotten', async (t) => {
  const once = createOnce(2)
  once.use('a', 1_000, 0)
  once.use('b', 2_000, 0)
  t.throws(() => once.use('c', 2_000, 500), { code: 'BUSY' })
  t.throws(() => once.use('a', 2_000, 500), { code: 'BAD_SIGNATURE' })
  t.doesNotThrow(() => once.use('c', 2_000, 1_001), 'a holds no more')
})
