import t from 'tap'
import { backoffMs, firstMs, maxMs } from '../../../src/core/wire/backoff.ts'

t.test('the first wait is short and anywhere in its second, so that a herd spreads', async (t) => {
  t.equal(backoffMs(0, 0), 100)
  t.equal(backoffMs(0, 0.5), 550)
  t.ok(backoffMs(0, 0.999) <= firstMs)
})

t.test('waits grow to a minute and no further, and chance never makes one longer than its bound', async (t) => {
  for (let failures = 1; failures < 40; failures++) {
    const longest = Math.min(maxMs, firstMs * 2 ** failures)
    t.equal(backoffMs(failures, 0), longest / 2)
    t.ok(backoffMs(failures, 0.999) <= longest)
  }
  t.equal(backoffMs(1000, 0), maxMs / 2)
})
