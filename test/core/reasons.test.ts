import t from 'tap'
import { isReason, reasons, sentenceOf } from '../../src/core/reasons.ts'

t.test('several nodes are told of in one sentence, the most common reason first', async (t) => {
  t.equal(sentenceOf([]), '')
  t.equal(sentenceOf(['full']), '1 node is full')
  t.equal(sentenceOf(['memory', 'full', 'full', 'full']), '3 nodes are full, 1 has no memory')
  t.equal(sentenceOf(['paused', 'paused', 'disk', 'disk', 'disk']), '3 nodes have no disk space, 2 are paused')
})

t.test('every reason has words of its own', async (t) => {
  t.equal(new Set(Object.values(reasons)).size, Object.keys(reasons).length)
  for (const reason of Object.keys(reasons)) t.ok(isReason(reason))
  for (const other of ['', 'toString', 'sleepy', undefined, 7]) t.notOk(isReason(other))
})
