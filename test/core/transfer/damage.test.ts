/** Damage on the disk of a reader is mended from other holders; on the disk of a holder it counts as absence. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Store } from '../../../src/core/ports.ts'
import { all, noise } from '../../conformance/store.ts'
import { fetcherOf, openNode, openStore, recording, request, table } from './nodes.ts'

const mebibyte = 1 << 20

async function damage(store: Store, block: Uint8Array): Promise<void> {
  const file = join((await store.info()).path, '00000001.car')
  const bytes = await readFile(file)
  const at = bytes.indexOf(block)
  if (at < 0) throw new Error('The block is not in the segment')
  bytes[at + 10] = (bytes[at + 10] ?? 0) ^ 1
  await writeFile(file, bytes)
}

t.test('a damaged leaf is taken from another holder, and kept', async (t) => {
  const [node, store] = [await openNode(t, 'honest'), await openStore(t)]
  const bytes = noise('content', 3 * mebibyte)
  const { cid } = await node.store.addFile(bytes)
  await store.addFile(bytes)
  await damage(store, bytes.subarray(mebibyte, 2 * mebibyte))
  const fetcher = fetcherOf(store, table({ [cid]: [node.holder] }))
  t.ok(Buffer.concat(await all(fetcher.reader.cat(cid))).equals(bytes))
  t.equal(fetcher.fetchedBytes, mebibyte, 'no more than the leaf')
  t.ok(Buffer.concat(await all(store.cat(cid))).equals(bytes))
})

t.test('a damaged node is fetched when the whole is asked for', async (t) => {
  const [node, store] = [await openNode(t, 'honest'), await openStore(t)]
  const bytes = noise('content', 3 * mebibyte)
  const { cid } = await node.store.addFile(bytes)
  await store.addFile(bytes)
  await damage(store, await node.store.getBlock(cid))
  await fetcherOf(store, table({ [cid]: [node.holder] })).fetch(cid, { pin: 'p' })
  t.ok(Buffer.concat(await all(store.cat(cid))).equals(bytes))
})

t.test('where nobody else has it, the input is lost', async (t) => {
  const store = await openStore(t)
  const bytes = noise('content', 5_000)
  const { cid } = await store.addFile(bytes)
  await damage(store, bytes)
  await t.rejects(all(fetcherOf(store, table({ [cid]: [] })).reader.cat(cid)), { code: 'INPUT_LOST', cid })
})

t.test('a holder says of a damaged block that it has it not, and the next one is asked', async (t) => {
  const [damaged, honest, store] = [await openNode(t, 'damaged'), await openNode(t, 'honest'), await openStore(t)]
  const bytes = noise('content', 5_000)
  const { cid } = await honest.store.addFile(bytes)
  await damaged.store.addFile(bytes)
  await damage(damaged.store, bytes)
  const { log, lines } = recording()
  const order = cid.charCodeAt(20) % 2 === 0 ? [damaged.holder, honest.holder] : [honest.holder, damaged.holder]
  t.ok(Buffer.concat(await all(fetcherOf(store, table({ [cid]: order }), { log }).reader.cat(cid))).equals(bytes))
  t.equal(damaged.requests.length, 1)
  t.same(lines, [], 'no failure and no lie')
  t.equal((await request(`${damaged.gateway.url}/ipfs/${cid}?format=raw`)).status, 404)
})
