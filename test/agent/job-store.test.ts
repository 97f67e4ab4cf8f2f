import t, { type Test } from 'tap'
import { createJobStore } from '../../agent/job-store.ts'
import { pinOf } from '../../agent/jobs.ts'
import { openStore } from '../core/transfer/nodes.ts'
import { localReader } from '../fakes/local-reader.ts'
import { bytes } from './rooms.ts'

async function open(t: Test) {
  const store = await openStore(t)
  const stopping = new AbortController()
  const jobStore = createJobStore({ job: 'job-1', self: 'node', store, reader: localReader(store), signal: stopping.signal })
  const pinned = async () => {
    const cids: string[] = []
    for await (const { cid } of store.pins(pinOf('job-1', 'node'))) cids.push(cid)
    return cids
  }
  const text = async (address: string, offset?: number, length?: number) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of jobStore.cat(address, offset, length)) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  }
  return { store, jobStore, stopping, pinned, text }
}

const elsewhere = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'

t.test('what `coordinate` makes is held under the job’s pin, and goes when that ends', async (t) => {
  const { store, jobStore, pinned } = await open(t)
  const file = await jobStore.addBytes(bytes('hello'), 'greeting')
  t.match(file, { name: 'greeting', size: 5 })
  const tree = await jobStore.addTree([{ path: 'a/b', content: bytes('deep') }])
  const link = await jobStore.link([{ name: 'part', cid: elsewhere, size: 7 }], 'root')
  t.equal(link.name, 'root')
  t.same((await pinned()).sort(), [file.cid, tree.cid, link.cid].sort())
  await store.gc()
  t.equal(await store.has(file.cid), true)
  await store.unpin(pinOf('job-1', 'node'))
  await store.gc()
  t.same(await Promise.all([file, tree, link].map(({ cid }) => store.has(cid))), [false, false, false])
})

t.test('it reads whole files, ranges and directories', async (t) => {
  const { jobStore, text } = await open(t)
  const { cid } = await jobStore.addTree([{ path: 'd/a.txt', content: bytes('0123456789') }])
  t.equal(await text(`${cid}/d/a.txt`), '0123456789')
  t.equal(await text(`${cid}/d/a.txt`, 3), '3456789')
  t.equal(await text(`${cid}/d/a.txt`, 3, 2), '34')
  const names: string[] = []
  for await (const { name, type } of jobStore.ls(cid)) names.push(`${name} ${type}`)
  t.same(names, ['d directory'])
})

t.test('when the agent stops, what it waits for ends', async (t) => {
  const { jobStore, stopping, text } = await open(t)
  const { cid } = await jobStore.addBytes(bytes('hello'))
  stopping.abort()
  await t.rejects(text(cid), { name: 'AbortError' })
})
