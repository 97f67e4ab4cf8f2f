import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { listen } from '../../../agent/control/server.ts'
import { storeRoutes } from '../../../agent/control/store-routes.ts'
import { createClient } from '../../../src/core/client/client.ts'
import { ask } from '../../../src/core/client/http.ts'
import { silent } from '../../../src/core/log.ts'
import { createEmbeddedStore } from '../../../src/core/store/embedded.ts'
import { localReader } from '../../fakes/local-reader.ts'
import { bytes, folder } from '../rooms.ts'

async function open(t: Test) {
  const dir = await folder(t)
  const store = await createEmbeddedStore({ path: join(dir, 'store'), limit: 1 << 30, log: silent })
  t.teardown(() => store.close())
  const socket = join(dir, 'agent.sock')
  const server = await listen({ socket, routes: storeRoutes({ store, reader: localReader(store) }), log: silent })
  t.teardown(() => server.close())
  const client = createClient(socket)
  return {
    dir,
    store,
    socket,
    client,
    pins: async () => {
      const names: string[] = []
      for await (const { cid, name } of store.pins()) names.push(`${name} ${cid}`)
      return names.sort()
    },
    text: async (address: string, options = {}) => {
      const chunks: Uint8Array[] = []
      for await (const chunk of client.cat(address, options)) chunks.push(chunk)
      return Buffer.concat(chunks).toString()
    },
    names: async (address: string) => {
      const names: string[] = []
      for await (const { name } of client.ls(address)) names.push(name)
      return names
    },
  }
}

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield bytes(text)
}

const absent = 'bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'

t.test('bytes that are sent become a file, held until a job names it, or for good', async (t) => {
  const { client, pins, text } = await open(t)
  const file = await client.addFile(pieces('hel', 'lo'), { name: 'a greeting' })
  t.match(file, { name: 'a greeting', size: 5 })
  const kept = await client.addFile(pieces('kept'), { keep: true })
  t.same(await pins(), [`upload ${file.cid}`, `user ${kept.cid}`].sort())
  t.equal(await text(file.cid), 'hello')
})

t.test('files of this machine become a directory without their bytes passing through', async (t) => {
  const { client, dir, pins, text, names } = await open(t)
  await writeFile(join(dir, 'one'), 'eins')
  const paths = [
    { path: 'a/1.txt', file: join(dir, 'one') },
    { path: 'b.txt', file: join(dir, 'one') },
  ]
  const tree = await client.addPaths(paths)
  t.same(await names(tree.cid), ['a', 'b.txt'])
  t.equal(await text(`${tree.cid}/a/1.txt`), 'eins')
  const kept = await client.addPaths(paths, { keep: true })
  t.equal(kept.cid, tree.cid)
  t.same(await pins(), [`upload ${tree.cid}`, `user ${tree.cid}`])
})

t.test('a list of paths that is none, or leaves its folder, is refused', async (t) => {
  const { client, dir } = await open(t)
  await writeFile(join(dir, 'one'), 'eins')
  await t.rejects(client.addPaths([{ path: 'a', file: 'relative' }]), { code: 'BAD_DATA' })
  await t.rejects(client.addPaths([{ path: '', file: '/a' }]), { code: 'BAD_DATA' })
  await t.rejects(client.addPaths([{ path: '../a', file: join(dir, 'one') }]), { code: 'BAD_PATH' })
  await t.rejects(client.addPaths([{ path: 'a', file: join(dir, 'absent') }]), { code: 'NO_INPUT' })
})

t.test('a list of paths may be longer than any JSON body: it is read line by line', async (t) => {
  const { client, dir } = await open(t)
  await writeFile(join(dir, 'one'), 'eins')
  const file = `${dir}/${'./'.repeat(900)}one`
  const folders = ['x', 'y', 'z'].map((letter) => letter.repeat(200)).join('/')
  let bytes = 0
  function* paths() {
    for (let i = 0; i < 8_000; i++) {
      const line = { path: `${folders}/${i}`, file }
      bytes += JSON.stringify(line).length
      yield line
    }
  }
  const { cid } = await client.addPaths(paths())
  t.ok(bytes > 16 << 20, `${bytes} bytes`)
  let count = 0
  for await (const { size } of client.ls(`${cid}/${folders}`)) if (size === 4) count++
  t.equal(count, 8_000)
})

t.test('a list of paths that breaks off, or is wrong in its middle, adds nothing', async (t) => {
  const { client, dir, socket, pins } = await open(t)
  await writeFile(join(dir, 'one'), 'eins')
  const good = { path: 'a', file: join(dir, 'one') }
  function* broken() {
    yield good
    throw new Error('planned')
  }
  await t.rejects(client.addPaths(broken()), { code: 'IO' })
  const post = (...texts: string[]) => ask(socket, { method: 'POST', path: '/v1/store/paths', bytes: pieces(...texts) })
  const line = JSON.stringify(good)
  await t.rejects(post(`${line}\n`, '{"path":', '\n'), { code: 'BAD_DATA', message: /Line 2 is not JSON/ })
  await t.rejects(post(`${line}\n\n{"path":"b"}`), { code: 'BAD_DATA', message: /Line 2: file/ })
  await t.rejects(post('x'.repeat(200_000)), { code: 'TOO_LARGE' })
  t.same(await pins(), [])
  const whole = await post(line.slice(0, 9), line.slice(9))
  whole.resume()
  t.equal(whole.statusCode, 201, 'cut anywhere, and without a last line feed')
})

t.test('a directory over what is in the store moves no bytes', async (t) => {
  const { client, store, names } = await open(t)
  const one = await client.addFile(pieces('eins'))
  const before = (await store.usage()).bytes
  const all = await client.link([
    { ...one, name: 'b' },
    { ...one, name: 'a' },
  ])
  t.same(await names(all.cid), ['a', 'b'])
  t.ok((await store.usage()).bytes - before < 1_000)
  await t.rejects(client.link([]), { code: 'BAD_DATA' })
  await t.rejects(client.link([{ name: 'a', cid: 'no address', size: 1 }]), { code: 'BAD_DATA' })
})

t.test('what lies at an address can be asked, listed and read, in part too', async (t) => {
  const { client, store, text } = await open(t)
  const { cid } = await store.addTree([{ path: 'd/a.txt', content: bytes('0123456789') }], { pin: 'test' })
  t.match(await client.stat(`${cid}/d/a.txt`), { name: 'a.txt', type: 'file', size: 10 })
  t.match(await client.stat(cid), { type: 'directory', size: 10 })
  t.equal(await text(`${cid}/d/a.txt`, { offset: 2, length: 3 }), '234')
  t.equal(await text(`/ipfs/${cid}/d/a.txt`, { offset: 8 }), '89')
  t.equal(await text(`${cid}/d/a.txt`, { length: 0 }), '')
})

t.test('what is not there answers with its error, whatever is asked of it', async (t) => {
  const { client, text, names, socket } = await open(t)
  await t.rejects(client.stat(absent), { code: 'NOT_FOUND', cid: absent })
  await t.rejects(names(absent), { code: 'NOT_FOUND' })
  await t.rejects(text(absent), { code: 'NOT_FOUND' })
  await t.rejects(ask(socket, { path: '/v1/store/cat' }), { code: 'USAGE' })
  await t.rejects(ask(socket, { path: '/v1/store/cat', query: { address: absent, offset: -1 } }), { code: 'USAGE', message: /offset/ })
  await t.rejects(ask(socket, { path: '/v1/store/cat', query: { address: absent, length: 1.5 } }), { code: 'USAGE', message: /length/ })
})
