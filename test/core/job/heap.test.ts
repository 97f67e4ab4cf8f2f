import fc from 'fast-check'
import t from 'tap'
import { createHeap } from '../../../src/core/job/heap.ts'

t.test('gives what is due, the earliest first, and nothing early', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(100)), fc.nat(100), (times, now) => {
      const heap = createHeap<number>()
      for (const at of times) heap.push(at, at)
      const due: number[] = []
      for (let item = heap.due(now); item !== undefined; item = heap.due(now)) due.push(item)
      t.same(
        due,
        times.filter((at) => at <= now).sort((a, b) => a - b),
      )
      t.equal(heap.size, times.length - due.length)
    }),
    { seed: 5 },
  )
})

t.test('sifting lets go of what is not kept, and keeps the order', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100)), fc.nat(5), (times, rest) => {
      const heap = createHeap<number>()
      for (const at of times) heap.push(at, at)
      heap.sift((at) => at % 6 !== rest)
      const kept: number[] = []
      for (let item = heap.due(100); item !== undefined; item = heap.due(100)) kept.push(item)
      return JSON.stringify(kept) === JSON.stringify(times.filter((at) => at % 6 !== rest).sort((a, b) => a - b))
    }),
    { seed: 5 },
  )
})
