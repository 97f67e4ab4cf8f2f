/** Reading and fetching over real gateways: what is missing comes from whoever has it. */
import t from 'tap'
import type { Holder } from '../../../src/core/transfer/ask.ts'
import { all, noise, text, tiny } from '../../conformance/store.ts'
import { fetcherOf, openHostile, openNobody, openNode, openStore, recording, table } from './nodes.ts'

const mebibyte = 1 << 20

t.test('a whole DAG comes as one CAR, is pinned, and is not fetched twice', async (t) => {
  const node = await openNode(t, 'a')
  const store = await openStore(t)
  const { cid } = await node.store.addTree([{ path: 'big', content: noise('big', 3 * mebibyte) }, ...tiny({ 'd/e': 'e', 'd/f': 'f' })])
  const fetcher = fetcherOf(store, table({ [cid]: [node.holder] }))
  await fetcher.fetch(cid, { pin: 'job' })
  t.same(node.requests.length, 1)
  t.match(node.requests[0], /format=car/)
  t.equal(await text(store, `${cid}/d/f`), 'f')
  t.same(await all(store.pins()), [{ cid, name: 'job', status: 'pinned' }])
  t.ok(fetcher.fetchedBytes > 3 * mebibyte)
  await fetcher.fetch(cid, { pin: 'job' })
  t.same(node.requests.length, 1)
})

t.test('two who want the same DAG fetch it once', async (t) => {
  const node = await openNode(t, 'a')
  const store = await openStore(t)
  const { cid } = await node.store.addFile(noise('big', 3 * mebibyte))
  const fetcher = fetcherOf(store, table({ [cid]: [node.holder] }))
  await Promise.all([fetcher.fetch(cid, { pin: 'one' }), fetcher.fetch(cid, { pin: 'two' })])
  t.equal(node.requests.length, 1)
  t.same((await all(store.pins())).map(({ name }) => name).sort(), ['one', 'two'])
})

t.test('what is here already is not fetched again', async (t) => {
  const node = await openNode(t, 'a')
  const store = await openStore(t)
  const bytes = noise('resume', 4 * mebibyte)
  const { cid } = await node.store.addFile(bytes)
  const fetcher = fetcherOf(store, table({ [cid]: [node.holder] }))
  t.ok(Buffer.concat(await all(fetcher.reader.cat(cid, { offset: mebibyte, length: mebibyte }))).equals(bytes.subarray(mebibyte, 2 * mebibyte)))
  t.equal(node.requests.length, 2, 'the root and one leaf')
  const before = fetcher.fetchedBytes
  await fetcher.fetch(cid)
  t.equal(fetcher.fetchedBytes - before, 3 * mebibyte)
})

t.test('a read fetches the leaves that it needs, and concurrent reads share them', async (t) => {
  const node = await openNode(t, 'a')
  const store = await openStore(t)
  const bytes = noise('shared', 10 * mebibyte)
  const { cid } = await node.store.addFile(bytes)
  const fetcher = fetcherOf(store, table({ [cid]: [node.holder] }))
  const reads = await Promise.all(Array.from({ length: 4 }, () => all(fetcher.reader.cat(cid))))
  for (const read of reads) t.ok(Buffer.concat(read).equals(bytes))
  t.equal(new Set(node.requests).size, node.requests.length, 'no path twice')
  t.equal(node.requests.length, 11)
})

t.test('a reader gone early leaves the others what they share', async (t) => {
  const node = await openNode(t, 'a')
  const store = await openStore(t)
  const bytes = noise('early', 4 * mebibyte)
  const { cid } = await node.store.addFile(bytes)
  const fetcher = fetcherOf(store, table({ [cid]: [node.holder] }))
  const abort = new AbortController()
  const first = all(fetcher.reader.cat(cid, { signal: abort.signal }))
  const second = all(fetcher.reader.cat(cid))
  setImmediate(() => abort.abort())
  await t.rejects(first, { name: 'AbortError' })
  t.ok(Buffer.concat(await second).equals(bytes))
})

t.test('paths, listings and sizes work over the network', async (t) => {
  const node = await openNode(t, 'a')
  const store = await openStore(t)
  const { cid } = await node.store.addTree([{ path: 'd/big', content: noise('x', mebibyte + 1) }, ...tiny({ 'd/small': 'small', top: 't' })])
  const { reader } = fetcherOf(store, table({ [cid]: [node.holder] }))
  t.same(
    (await all(reader.ls(`${cid}/d`))).map(({ name, size, type }) => [name, size, type]),
    [
      ['big', mebibyte + 1, 'file'],
      ['small', 5, 'file'],
    ],
  )
  t.match(await reader.stat(cid), { size: mebibyte + 7, type: 'directory' })
  t.equal(await text(reader, `${cid}/d/small`), 'small')
  await t.rejects(reader.stat(`${cid}/nothing`), { code: 'NOT_FOUND' })
})

t.test('the children of a linked directory are found on other nodes', async (t) => {
  const [root, a, b] = [await openNode(t, 'root'), await openNode(t, 'a'), await openNode(t, 'b')]
  const store = await openStore(t)
  const one = await a.store.addTree([{ path: '00001', content: noise('one', 2 * mebibyte) }], { name: '00000' })
  const two = await b.store.addTree(tiny({ '00001': 'two' }), { name: '00001' })
  const three = await b.store.addTree(tiny({ '00001': 'three' }), { name: '00002' })
  const { cid } = await root.store.link([one, two, three])
  const lookup = table({ [cid]: [root.holder], [one.cid]: [a.holder], [two.cid]: [b.holder], [three.cid]: [b.holder] })
  const fetcher = fetcherOf(store, lookup)
  t.equal(await text(fetcher.reader, `${cid}/00001/00001`), 'two')
  await fetcher.fetch(cid, { pin: 'all' })
  t.equal(await text(store, `${cid}/00002/00001`), 'three')
  t.ok(Buffer.concat(await all(store.cat(`${cid}/00000/00001`))).equals(noise('one', 2 * mebibyte)))
  t.equal((await all(store.pins('all'))).length, 1)
})

t.test('that children lie elsewhere is learnt once for a directory', async (t) => {
  const [root, mapper] = [await openNode(t, 'root'), await openNode(t, 'mapper')]
  const children = await Promise.all(Array.from({ length: 10 }, (_, i) => mapper.store.addTree(tiny({ part: `part ${i}` }), { name: `0000${i}` })))
  const { cid } = await root.store.link(children)
  const asked: string[] = []
  const known = table({ [cid]: [root.holder], ...Object.fromEntries(children.map((child) => [child.cid, [mapper.holder]])) })
  const { reader } = fetcherOf(await openStore(t), (one, signal) => {
    asked.push(one)
    return known(one, signal)
  })
  for (let i = 0; i < 10; i++) t.equal(await text(reader, `${cid}/0000${i}/part`), `part ${i}`)
  t.equal(root.requests.length, 2, 'the directory, and one child in vain')
  t.equal(mapper.requests.length, 20)
  t.ok(asked.length <= 12, `${asked.length} questions who holds what`)
})

t.test('the next holder is asked when one is gone or has it not', async (t) => {
  const [empty, full] = [await openNode(t, 'empty'), await openNode(t, 'full')]
  const nobody = await openNobody('nobody')
  const store = await openStore(t)
  const { cid } = await full.store.addFile(noise('x', 2 * mebibyte))
  const fetcher = fetcherOf(store, table({ [cid]: [nobody, empty.holder, full.holder] }))
  await fetcher.fetch(cid)
  t.equal(await store.has(cid), true)
  t.equal(fetcher.lies.size, 0)
})

t.test('what one holder gave before it died is not asked of the next', async (t) => {
  const full = await openNode(t, 'full')
  const store = await openStore(t)
  const bytes = noise('half', 6 * mebibyte)
  const { cid } = await full.store.addFile(bytes)
  const car = Buffer.concat(await all(full.store.exportCar(cid)))
  const dying = await openHostile(t, 'dying', (request, response) => {
    if (request.url?.includes('format=car')) response.write(car.subarray(0, 3.5 * mebibyte), () => response.destroy())
    else response.destroy()
  })
  let alive: Holder[] = [dying]
  const fetcher = fetcherOf(store, async () => alive, { progressMs: 200 })
  await t.rejects(fetcher.fetch(cid), { code: 'UNREACHABLE' })
  t.equal((await store.usage()).blocks, 4, 'the root and three leaves stay')
  alive = [full.holder]
  await fetcher.fetch(cid)
  t.equal(full.requests.length, 3)
  t.ok(full.requests.every((path) => path.endsWith('?format=raw')))
  t.ok(Buffer.concat(await all(store.cat(cid))).equals(bytes))
})

t.test('what comes is kept from collection until it is whole', async (t) => {
  const node = await openNode(t, 'a')
  const store = await openStore(t)
  const bytes = noise('slow', 4 * mebibyte)
  const { cid } = await node.store.addFile(bytes)
  const car = Buffer.concat(await all(node.store.exportCar(cid)))
  const { promise: go, resolve } = Promise.withResolvers<void>()
  const slow = await openHostile(t, 'slow', (_request, response) => {
    response.write(car.subarray(0, 2.5 * mebibyte))
    go.then(() => response.end(car.subarray(2.5 * mebibyte)))
  })
  const fetcher = fetcherOf(store, async () => [slow])
  const fetching = fetcher.fetch(cid, { pin: 'p' })
  while ((await store.usage()).blocks < 3) await new Promise((resolve) => setImmediate(resolve))
  await store.gc()
  t.equal((await store.usage()).blocks, 3)
  resolve()
  await fetching
  await store.gc()
  t.equal((await store.usage()).blocks, 5)
  t.equal(slow.requests.length, 1)
})

t.test('what is lost is named as the job named it', async (t) => {
  const root = await openNode(t, 'root')
  const mapper = await openNode(t, 'mapper')
  const manifest = await mapper.store.addTree([{ path: '00001', content: noise('partition', 2 * mebibyte) }], { name: '00003' })
  const maps = await root.store.link([manifest])
  const dead = await openNobody('mapper')
  const address = `${maps.cid}/00003/00001`

  await t.test('a dead node that is still listed', async (t) => {
    const fetcher = fetcherOf(await openStore(t), table({ [maps.cid]: [root.holder], [manifest.cid]: [dead] }))
    await t.rejects(text(fetcher.reader, address), { code: 'INPUT_LOST', cid: manifest.cid })
    await t.rejects(fetcher.fetch(maps.cid), { code: 'INPUT_LOST', cid: manifest.cid })
  })
  await t.test('a dead node that is no longer listed', async (t) => {
    const fetcher = fetcherOf(await openStore(t), table({ [maps.cid]: [root.holder], [manifest.cid]: [] }))
    await t.rejects(text(fetcher.reader, address), { code: 'INPUT_LOST', cid: manifest.cid })
  })
  await t.test('its directory is here, what is below is not', async (t) => {
    const store = await openStore(t)
    await store.putBlock(maps.cid, await root.store.getBlock(maps.cid))
    await store.putBlock(manifest.cid, await mapper.store.getBlock(manifest.cid))
    const fetcher = fetcherOf(store, table({ [maps.cid]: [root.holder], [manifest.cid]: [dead] }))
    await t.rejects(text(fetcher.reader, address), { code: 'INPUT_LOST', cid: manifest.cid })
    await t.rejects(fetcher.fetch(maps.cid, { pin: 'p' }), { code: 'INPUT_LOST', cid: manifest.cid })
    t.same(await all(store.pins()), [], 'what is not whole is not pinned')
  })
  await t.test('a leaf deep within a file', async (t) => {
    const store = await openStore(t)
    const alive = fetcherOf(store, table({ [maps.cid]: [root.holder], [manifest.cid]: [mapper.holder] }))
    await all(alive.reader.cat(address, { length: 1 }))
    const fetcher = fetcherOf(store, table({ [maps.cid]: [root.holder], [manifest.cid]: [dead] }))
    await t.rejects(all(fetcher.reader.cat(address, { offset: mebibyte })), { code: 'INPUT_LOST', cid: manifest.cid })
  })
  await t.test('nobody ever named it: the root that was asked for', async (t) => {
    const fetcher = fetcherOf(await openStore(t), table({}))
    await t.rejects(text(fetcher.reader, address), { code: 'INPUT_LOST', cid: maps.cid })
  })
})

t.test('a holder that does not answer, or whom nobody can name now, may still have it', async (t) => {
  const { cid } = await (await openNode(t, 'other')).store.addFile(Buffer.from('x'))
  const store = await openStore(t)
  const failing = fetcherOf(store, async () => {
    throw new Error('the coordinator is down')
  })
  await t.rejects(failing.fetch(cid), { code: 'UNREACHABLE', message: /coordinator is down/ })
})

t.test('a fetch has a budget', async (t) => {
  const node = await openNode(t, 'a')
  const store = await openStore(t)
  const { cid } = await node.store.addFile(noise('large', 5 * mebibyte))
  const { log, lines } = recording()
  const fetcher = fetcherOf(store, table({ [cid]: [node.holder] }), { log })
  await t.rejects(fetcher.fetch(cid, { maxBytes: 3 * mebibyte }), { code: 'TOO_LARGE', cid })
  t.same(lines, [], 'which is not the doing of the holder')
})
