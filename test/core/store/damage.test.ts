/** A disk that gives other bytes than it was given: never served as whole, and mended by adding or fetching again. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Cid } from '../../../src/core/cids.ts'
import { cidOf, sha256 } from '../../../src/core/store/cid.ts'
import { createEmbeddedStore } from '../../../src/core/store/embedded.ts'
import { all, noise } from '../../conformance/store.ts'
import { recording } from '../transfer/nodes.ts'
import { folder } from './folder.ts'

const mebibyte = 1 << 20
const segment = '00000001.car'

async function setting(t: Test) {
  const path = join(await folder(t), 'store')
  const { log, lines } = recording()
  const open = () => createEmbeddedStore({ path, limit: 2 ** 30, log })
  const store = await open()
  t.teardown(() => store.close())
  return { path, store, open, lines }
}

/** Changes one byte of it where it lies on disk. */
async function damage(path: string, block: Uint8Array): Promise<void> {
  const file = join(path, segment)
  const bytes = await readFile(file)
  const at = bytes.indexOf(block)
  if (at < 0) throw new Error('The block is not in the segment')
  bytes[at + block.length - 1] = (bytes[at + block.length - 1] ?? 0) ^ 1
  await writeFile(file, bytes)
}

t.test('a damaged block is an error that names it, once, and then it is not here; added again, it is whole again', async (t) => {
  const { path, store, lines } = await setting(t)
  const bytes = noise('content', 3 * mebibyte)
  const { cid } = await store.addFile(bytes, { pin: 'p' })
  const leaf = bytes.subarray(mebibyte, 2 * mebibyte)
  const damaged = cidOf('raw', sha256(leaf))
  await damage(path, leaf)

  await t.rejects(Promise.all([all(store.cat(cid)), all(store.cat(cid))]), { code: 'BAD_BLOCK', cid: damaged, message: new RegExp(damaged) })
  t.equal(await store.has(damaged), false)
  await t.rejects(all(store.cat(cid)), { code: 'NOT_FOUND', cid: damaged })
  await t.rejects(all(store.exportCar(cid)), { code: 'NOT_FOUND', cid: damaged })
  t.equal(lines.filter(({ fields }) => fields.cid === damaged).length, 1, 'said once')

  t.equal((await store.addFile(bytes, { pin: 'p' })).cid, cid)
  t.ok(Buffer.concat(await all(store.cat(cid))).equals(bytes))
})

t.test('what was put again lasts over a start, though the damaged bytes still lie there', async (t) => {
  const { path, store, open } = await setting(t)
  const bytes = noise('content', 5_000)
  const { cid } = await store.addFile(bytes, { pin: 'p' })
  await damage(path, bytes)
  await t.rejects(store.getBlock(cid), { code: 'BAD_BLOCK', cid })
  await store.putBlock(cid, bytes)
  await store.close()
  const again = await open()
  t.ok(bytes.equals(await again.getBlock(cid)))
  await again.close()
})

t.test('each way to read refuses damage', async (t) => {
  const ways: readonly [string, (cid: Cid, store: Awaited<ReturnType<typeof setting>>['store']) => Promise<unknown>][] = [
    ['a block', (cid, store) => store.getBlock(cid)],
    ['a range', (cid, store) => all(store.cat(cid, { offset: 10, length: 5 }))],
    ['a CAR', (cid, store) => all(store.exportCar(cid))],
  ]
  for (const [way, read] of ways) {
    const { path, store } = await setting(t)
    const bytes = noise(way, 5_000)
    const { cid } = await store.addFile(bytes)
    await damage(path, bytes)
    await t.rejects(read(cid, store), { code: 'BAD_BLOCK', cid }, way)
  }
  const { path, store } = await setting(t)
  const { cid } = await store.addFile(noise('two leaves', 2 * mebibyte))
  await damage(path, await store.getBlock(cid))
  await t.rejects(store.pin(cid, 'p'), { code: 'BAD_BLOCK', cid }, 'a pin walks')
  await store.pin(cid, 'p', { partial: true })
})

t.test('gc goes on over damage, and carries none of it on', async (t) => {
  const { path, store } = await setting(t)
  const [kept, broken] = [noise('kept', 5_000), noise('broken', 5_000)]
  const { cid } = await store.addFile(kept, { pin: 'kept' })
  const lost = await store.addFile(broken, { pin: 'broken' })
  const large = await store.addFile(noise('large', 2 * mebibyte), { pin: 'large' })
  await store.addFile(noise('dead', 8 * mebibyte))
  await damage(path, broken)
  await damage(path, await store.getBlock(large.cid))
  t.ok((await store.gc()).freed > 7 * mebibyte)
  t.ok(kept.equals(await store.getBlock(cid)))
  t.equal(await store.has(lost.cid), false)
  t.equal(await store.has(large.cid), false)
  t.equal((await store.addFile(broken, { pin: 'broken' })).cid, lost.cid)
  t.ok(broken.equals(await store.getBlock(lost.cid)))
})

t.test('what is added again is whole again, though nobody had read it: a file, a block, a CAR; said once', async (t) => {
  const ways: readonly [
    string,
    (store: Awaited<ReturnType<typeof setting>>['store'], bytes: Uint8Array, cid: Cid, car: readonly Uint8Array[]) => Promise<unknown>,
  ][] = [
    ['a file', (store, bytes) => store.addFile(bytes, { pin: 'p' })],
    ['the same file by two at once', (store, bytes) => Promise.all([store.addFile(bytes), store.addFile(bytes)])],
    ['a block', (store, bytes, cid) => store.putBlock(cid, bytes)],
    ['a CAR', (store, _, cid, car) => store.importCar(asyncly(car), { expectRoot: cid })],
  ]
  for (const [way, addAgain] of ways) {
    const { path, store, open, lines } = await setting(t)
    const bytes = noise(way, 5_000)
    const { cid } = await store.addFile(bytes, { pin: 'p' })
    const car = await all(store.exportCar(cid))
    await damage(path, bytes)
    await addAgain(store, bytes, cid, car)
    t.ok(bytes.equals(await store.getBlock(cid)), way)
    t.equal(lines.filter(({ fields }) => fields.cid === cid).length, 1)
    t.equal((await store.usage()).blocks, 1)
    await store.close()
    const again = await open()
    t.ok(bytes.equals(await again.getBlock(cid)), `${way}, over a start`)
    await again.close()
  }
})

t.test('what is whole takes no more room when it is added again', async (t) => {
  const { store } = await setting(t)
  const bytes = noise('whole', 3 * mebibyte)
  await store.addFile(bytes, { pin: 'p' })
  const { bytes: before } = await store.usage()
  await store.addFile(bytes, { pin: 'q' })
  t.equal((await store.usage()).bytes, before)
})

async function* asyncly(chunks: readonly Uint8Array[]) {
  yield* chunks
}
