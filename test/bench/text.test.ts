import { createHash } from 'node:crypto'
import t from 'tap'
import { chunksOf } from '../../bench/text.ts'

t.test('the same size and seed give the same bytes, exactly as many as asked for', async (t) => {
  for (const size of [1, 1000, 3_000_001]) {
    const text = Buffer.concat([...chunksOf(size, 1)])
    t.equal(text.length, size)
    t.ok(text.equals(Buffer.concat([...chunksOf(size, 1)])))
  }
  t.notOk(Buffer.concat([...chunksOf(1000, 2)]).equals(Buffer.concat([...chunksOf(1000, 1)])))
  t.equal(
    createHash('sha256')
      .update(Buffer.concat([...chunksOf(100_000, 1)]))
      .digest('hex')
      .slice(0, 16),
    'b5aefa49b9714693',
    'raise the version in bench/text.ts when this changes',
  )
})

t.test('the most frequent word is about twice as frequent as the second', async (t) => {
  const counts = new Map<string, number>()
  for (const word of Buffer.concat([...chunksOf(2_000_000, 1)])
    .toString('latin1')
    .split(/\s+/))
    counts.set(word, (counts.get(word) ?? 0) + 1)
  const [first = 0, second = 0] = [...counts.values()].sort((a, b) => b - a)
  t.ok(first / second > 1.6 && first / second < 2.4, `${first} and ${second}`)
  t.ok(counts.size > 10_000)
})
