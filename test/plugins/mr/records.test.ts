import fc from 'fast-check'
import t from 'tap'
import { readPieces } from '../../../src/plugins/mr/pieces.ts'
import { recordsOf } from '../../../src/plugins/mr/records.ts'
import { cut } from '../../../src/plugins/mr/split.ts'
import { createMapStore } from '../../fakes/kind-context.ts'

t.test('each record has one owner, wherever a file is cut', async (t) => {
  const byte = fc.constantFrom(0x0a, 0x61, 0x62, 0x20)
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }).chain(() => fc.array(byte, { maxLength: 200 })),
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 20 }),
      async (bytes, splitBytes, chunkBytes) => {
        const store = createMapStore({ chunkBytes })
        const { cid, size } = await store.addBytes(Uint8Array.from(bytes))
        const read: Uint8Array[] = []
        for (const piece of cut([{ path: '', size }], splitBytes).flat()) {
          const own = Buffer.concat(await all(recordsOf(cid, piece, store)))
          if (own.length > 0 && own.at(-1) !== 0x0a && piece.to !== size && !Buffer.concat([...read, own]).equals(Buffer.from(bytes)))
            throw new Error('a record was cut')
          read.push(own)
        }
        t.same(Buffer.concat(read), Buffer.from(bytes))
      },
    ),
    { numRuns: 300, seed: 20_240_607 },
  )
})

t.test('a piece reads nothing before its start, and after its end at most one record and a step of 4 KiB', async (t) => {
  const lines = Array.from({ length: 4000 }, (_, i) => 'x'.repeat((i * 7919) % 3000)).join('\n')
  const longest = 3000
  const store = createMapStore()
  const { cid, size } = await store.addBytes(Buffer.from(lines))
  for (const piece of cut([{ path: '', size }], 64 << 10).flat()) {
    store.reads.length = 0
    await all(recordsOf(cid, piece, store))
    const first = Math.min(...store.reads.map(({ offset }) => offset))
    const bytes = store.reads.reduce((sum, { length }) => sum + length, 0)
    if (first < piece.from || bytes > piece.to - piece.from + longest + 4096) t.fail(`${piece.from}-${piece.to} read ${bytes} from ${first}`)
  }
  t.pass()
})

t.test('a piece within one long record owns nothing, and does not read on', async (t) => {
  const store = createMapStore()
  const { cid, size } = await store.addBytes(Buffer.concat([Buffer.alloc(1000, 'x'), Buffer.from('\nend')]))
  t.same(await all(recordsOf(cid, { path: '', size, from: 100, to: 200 }, store)), [])
  t.same(store.reads, [{ address: cid, offset: 100, length: 100 }])
})

t.test('pieces come in order, small ones asked for ahead but not more than eight', async (t) => {
  const store = createMapStore()
  const contents = Array.from({ length: 30 }, (_, i) => Buffer.from(`file ${i}\n`))
  const { cid } = await store.addTree(contents.map((content, i) => ({ path: `${i}`, content })))
  const pieces = cut(
    contents.map(({ length }, i) => ({ path: `${i}`, size: length })),
    1 << 20,
  ).flat()
  const read: Uint8Array[] = []
  let most = 0
  for await (const { chunk, ends } of readPieces(cid, pieces, store)) {
    if (ends) read.push(chunk)
    most = Math.max(most, store.reads.length - read.length)
  }
  t.same(read, contents)
  t.ok(most > 1 && most <= 8, `${most} ahead`)
})

t.test('a piece that cannot be read fails the reading, also when it was asked for ahead', async (t) => {
  const store = createMapStore()
  const { cid } = await store.addTree([{ path: 'a', content: Buffer.from('x') }])
  const pieces = ['a', 'gone', 'gone too'].map((path) => ({ path, size: 1, from: 0, to: 1 }))
  await t.rejects(all(readPieces(cid, pieces, store)), { code: 'NOT_FOUND' })
})

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}
