import t from 'tap'
import { mr } from '../../../src/plugins/mr/kind.ts'
import { conformance } from '../../conformance/kind.ts'
import { createMapStore, runJob } from '../../fakes/kind-context.ts'

conformance(t, mr, [
  {
    name: 'words of a folder',
    job: async (store) => {
      const input = await store.addTree([
        { path: 'a.txt', content: Buffer.from('one two  two\nthree') },
        { path: 'b/c.txt', content: Buffer.from('three three\n\n') },
      ])
      return { program: 'wordcount', input: input.cid }
    },
  },
  {
    name: 'words of one large file, in five partitions',
    job: async (store) => {
      const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i % 977} of ${i % 13}\n`)
      return { program: 'wordcount', input: (await store.addBytes(Buffer.from(lines.join('')))).cid, k: 5, splitBytes: 64 << 10 }
    },
  },
])

t.test('what a user may not ask for is refused', async (t) => {
  const { input } = { input: `bafkrei${'a'.repeat(52)}` }
  const validate = (job: object) => mr.schema.job['~standard'].validate({ program: 'wordcount', input, ...job })
  t.same(await validate({}), { typed: true, value: { program: 'wordcount', input, k: 3, splitBytes: 16 << 20, ignoreCase: false } })
  for (const job of [{ k: 0 }, { k: 1025 }, { k: 1.5 }, { splitBytes: 1000 }, { input: 'bafy' }, { program: 'sort' }, { ignoreCase: 'yes' }]) {
    t.ok((await validate(job)).issues, JSON.stringify(job))
  }
})

t.test('a node that answers a map with the result of a reduce is not believed', async (t) => {
  const store = createMapStore()
  const input = (await store.addBytes(Buffer.from('a word'))).cid
  const lie = { is: 'reduce', part: input, size: 1, words: 1, distinct: 1 }
  const known = new Map<string, unknown>([['map/00000', lie]])
  await t.rejects(runJob(mr, { program: 'wordcount', input }, store, { known }), { code: 'BAD_DATA', message: /map 0/ })
})
