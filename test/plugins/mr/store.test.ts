import t from 'tap'
import { silent } from '../../../src/core/log.ts'
import { createEmbeddedStore } from '../../../src/core/store/embedded.ts'
import { mr } from '../../../src/plugins/mr/kind.ts'
import { type KindStore, overStore, read, runJob } from '../../fakes/kind-context.ts'
import { partsOf } from './model.ts'

async function embedded(path: string): Promise<KindStore> {
  const store = await createEmbeddedStore({ path, limit: 1 << 30, log: silent })
  t.teardown(() => store.close())
  return overStore(store)
}

async function parts(store: KindStore, root: string): Promise<string[]> {
  const list: string[] = []
  for await (const { name } of store.ls(root)) list.push((await read(store, `${root}/${name}`)).toString('latin1'))
  return list
}

t.test('over the real store: folders, a file of many leaves and a file of one, each counted as the model does', async (t) => {
  const store = await embedded(t.testdir())
  const large = Buffer.from(Array.from({ length: 500_000 }, (_, i) => `w${(i * 7919) % 5003}${i % 9 === 0 ? '\n' : ' '}`).join(''))
  const small = Buffer.from('a few words\na few')
  const file = async (bytes: Uint8Array) => ({ input: (await store.addFile(bytes)).cid, files: [bytes] })
  const folder = await store.addTree([
    { path: 'b/large', content: large },
    { path: 'a', content: small },
    { path: 'b/c/small', content: small },
  ])
  for (const { input, files } of [await file(large), await file(small), await file(new Uint8Array(0)), { input: folder.cid, files: [large, small, small] }]) {
    const { root } = await runJob(mr, { program: 'wordcount', input, splitBytes: 1 << 20 }, store)
    t.strictSame(await parts(store, root.cid), partsOf(files, 3))
  }
})

t.test('the root of a known input is known: it may change with the version of the kind only', async (t) => {
  const store = await embedded(t.testdir())
  const input = await store.addTree([{ path: 'a.txt', content: Buffer.from('to be or not to be\nthat is the question\n') }])
  const { root } = await runJob(mr, { program: 'wordcount', input: input.cid }, store)
  t.equal(root.cid, 'bafybeic5tcn66u5smz5j2xcfyuw7gzbp74nfwboyx4w5t7lxom37juqfvi')
})
