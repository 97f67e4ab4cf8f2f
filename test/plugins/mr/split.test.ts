import fc from 'fast-check'
import t from 'tap'
import { cut, splitInput } from '../../../src/plugins/mr/split.ts'
import { createMapStore } from '../../fakes/kind-context.ts'

const { signal } = new AbortController()

t.test('a large file is cut at multiples of the split from its start, and small files share what is left', async (t) => {
  const files = [
    { path: 'a', size: 30 },
    { path: 'big', size: 250 },
    { path: 'b', size: 40 },
    { path: 'c', size: 10 },
    { path: 'd', size: 1 },
  ]
  t.same(
    cut(files, 100).map((pieces) => pieces.map(({ path, from, to }) => `${path} ${from}-${to}`)),
    [['a 0-30'], ['big 0-100'], ['big 100-200'], ['big 200-250', 'b 0-40', 'c 0-10'], ['d 0-1']],
  )
})

t.test('every byte of every file is in one piece, no split is over its size, no piece is empty', async (t) => {
  const file = fc.record({ path: fc.string(), size: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(1000)) })
  fc.assert(
    fc.property(fc.array(file, { maxLength: 40 }), fc.integer({ min: 1, max: 300 }), (files, splitBytes) => {
      const splits = cut(files, splitBytes)
      const pieces = splits.flat()
      let at = 0
      for (const { path, size } of files) {
        for (let from = 0; from < size; at++) {
          const piece = pieces[at]
          if (piece === undefined || piece.path !== path || piece.size !== size || piece.from !== from || piece.to <= from) throw new Error(`wrong piece ${at}`)
          from = piece.to
        }
      }
      if (at !== pieces.length) throw new Error('a piece too many')
      for (const split of splits)
        if (split.length === 0 || split.reduce((sum, { from, to }) => sum + to - from, 0) > splitBytes) throw new Error('a split too large')
    }),
    { numRuns: 500, seed: 20_240_607 },
  )
  t.pass()
})

t.test('a split of very many tiny files has its pieces counted, too', async (t) => {
  const files = Array.from({ length: 10_000 }, (_, i) => ({ path: `${i}`, size: 1 }))
  t.same(
    cut(files, 1 << 20).map((pieces) => pieces.length),
    [4096, 4096, 1808],
  )
})

t.test('the index of splits is the same for the same input', async (t) => {
  const store = createMapStore()
  const input = (
    await store.addTree([
      { path: 'a/b', content: Buffer.alloc(1000) },
      { path: 'c', content: Buffer.alloc(10) },
    ])
  ).cid
  const first = await splitInput({ input, splitBytes: 300 }, store, signal)
  t.match(first, { count: 4, bytes: 1010 })
  t.same(await splitInput({ input, splitBytes: 300 }, store, signal), first)
})

t.test('more splits than a reducer can read from are refused with a size that fits', async (t) => {
  const store = createMapStore()
  const input = (await store.addBytes(Buffer.alloc(5000))).cid
  await t.rejects(splitInput({ input, splitBytes: 1 }, store, signal), { code: 'TOO_LARGE', hint: /--split 1MiB/ })
})
