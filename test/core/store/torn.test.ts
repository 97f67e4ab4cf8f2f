/** What a machine that died leaves behind: what was promised is there, what was not is cut, and nothing damaged is served as whole. */
import { appendFile, cp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silent } from '../../../src/core/log.ts'
import { createEmbeddedStore } from '../../../src/core/store/embedded.ts'
import { all, noise, text } from '../../conformance/store.ts'
import { folder } from './folder.ts'

const options = { limit: 2 ** 30, log: silent, segmentBytes: 64 << 10 }
const open = (path: string) => createEmbeddedStore({ ...options, path })

/** A folder as a store leaves it that was killed after `promised` resolved, while `lost` was being written. */
async function killed(t: Test) {
  const dir = await folder(t)
  const path = join(dir, 'store')
  const store = await open(path)
  const promised = await store.addFile(noise('promised', 5_000), { pin: 'promised' })
  const sizeThen = (await stat(join(path, '00000001.car'))).size
  const lost = await store.addFile(noise('lost', 3_000), { pin: 'lost' })
  const left = join(dir, 'left')
  await cp(path, left, { recursive: true })
  await rm(join(left, 'lock'))
  await store.close()
  return { left, promised, lost, sizeThen, segment: join(left, '00000001.car') }
}

async function reopened(t: Test, from: string, change: (path: string) => Promise<void>) {
  const path = join(await folder(t), 'copy')
  await cp(from, path, { recursive: true })
  await change(path)
  return open(path)
}

t.test('a tail that is cut anywhere costs only what was not promised', async (t) => {
  const { left, promised, lost, sizeThen, segment } = await killed(t)
  const { size } = await stat(segment)
  for (let length = sizeThen; length <= size; length += 211) {
    const store = await reopened(t, left, (path) => truncate(join(path, '00000001.car'), length))
    t.ok(Buffer.concat(await all(store.cat(promised.cid))).equals(noise('promised', 5_000)), `${length} of ${size}`)
    t.equal(await store.has(lost.cid), length === size)
    // A pin whose blocks were lost was never acknowledged: it is gone with them.
    t.equal((await all(store.pins('lost'))).length, length === size ? 1 : 0)
    t.equal((await all(store.pins('promised'))).length, 1)
    t.equal((await store.addFile(noise('lost', 3_000), { pin: 'lost' })).cid, lost.cid)
    t.ok(Buffer.concat(await all(store.cat(lost.cid))).equals(noise('lost', 3_000)), 'and may be added again')
    await store.close()
  }
})

t.test('a tail of the right length with other bytes in it is cut as well', async (t) => {
  const { left, promised, lost, sizeThen } = await killed(t)
  for (const at of [sizeThen + 10, sizeThen + 1000, sizeThen + 3000]) {
    const store = await reopened(t, left, async (path) => {
      const bytes = await readFile(join(path, '00000001.car'))
      bytes.fill(0, at, at + 30)
      await writeFile(join(path, '00000001.car'), bytes)
    })
    t.equal(await store.has(lost.cid), false)
    t.same(await all(store.pins('lost')), [])
    t.ok(Buffer.concat(await all(store.cat(promised.cid))).equals(noise('promised', 5_000)))
    await store.close()
  }
})

t.test('rubbish behind the last record is cut', async (t) => {
  const { left, lost } = await killed(t)
  const store = await reopened(t, left, (path) => appendFile(join(path, '00000001.car'), Buffer.alloc(5000)))
  t.equal(await text(store, lost.cid), noise('lost', 3_000).toString())
  await store.close()
})

t.test('a log of pins that is cut costs the pins that were not promised', async (t) => {
  const { left, promised } = await killed(t)
  const { size } = await stat(join(left, 'pins.log'))
  for (const length of [size - 1, size - 20]) {
    const store = await reopened(t, left, (path) => truncate(join(path, 'pins.log'), length))
    t.same(
      (await all(store.pins())).map(({ name }) => name),
      ['promised'],
    )
    t.ok(Buffer.concat(await all(store.cat(promised.cid))).equals(noise('promised', 5_000)))
    await store.close()
  }
})

t.test('a segment that was just begun, and one with nothing in it', async (t) => {
  const { left, lost } = await killed(t)
  for (const bytes of [Buffer.alloc(0), Buffer.from([17, 0xa2]), Buffer.alloc(100)]) {
    const store = await reopened(t, left, (path) => writeFile(join(path, '00000002.car'), bytes))
    t.ok(await store.has(lost.cid))
    const more = await store.addFile(noise('more', 90_000), { pin: 'more' })
    const path = (await store.info()).path
    await store.close()
    const again = await open(path)
    t.equal(await text(again, more.cid), noise('more', 90_000).toString())
    await again.close()
  }
})

t.test('after a clean end nothing is read twice, and damage to what was promised is not cut away', async (t) => {
  const path = join(await folder(t), 'store')
  const store = await open(path)
  const files = await Promise.all(Array.from({ length: 10 }, (_, i) => store.addFile(noise(`file ${i}`, 20_000), { pin: `pin ${i}` })))
  await store.close()
  const before = await Promise.all((await readdir(path)).filter((name) => name.endsWith('.car')).map(async (name) => (await stat(join(path, name))).size))
  t.ok(before.length >= 3, 'several segments')
  const bytes = await readFile(join(path, '00000002.car'))
  bytes.fill(0xff, 18, 40)
  await writeFile(join(path, '00000002.car'), bytes)
  const again = await open(path)
  const held = await Promise.all(files.map(({ cid }) => again.has(cid)))
  t.ok(held.includes(true) && held.includes(false), 'what the damage hides is missing, and said to be')
  t.equal((await all(again.pins())).length, 10, 'no pin is dropped')
  await again.addFile(noise('after', 20_000))
  await again.close()
  const after = await Promise.all((await readdir(path)).filter((name) => name.endsWith('.car')).map(async (name) => (await stat(join(path, name))).size))
  for (const [i, size] of before.entries()) t.ok((after[i] ?? 0) >= size, 'no segment is shorter')
})

t.test('one process at a time', async (t) => {
  const path = join(await folder(t), 'store')
  const store = await open(path)
  await t.rejects(open(path), { code: 'ALREADY_RUNNING', message: new RegExp(`Process ${process.pid} `) })
  await store.close()
  await store.close()
  const again = await open(path)
  await again.close()
  await t.rejects(again.addFile(Buffer.from('late')), { code: 'IO' })
  t.same(
    (await readdir(path)).filter((name) => name.startsWith('lock')),
    [],
  )

  await t.test('a lock of a process that is no more is taken over', async (t) => {
    for (const held of ['999999999 1@boot\n', `${process.pid} 1@boot\n`, 'rubbish', '']) {
      const path = await folder(t)
      await writeFile(join(path, 'lock'), held)
      const opened = await Promise.allSettled([open(path), open(path), open(path)])
      const stores = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      t.equal(stores.length, 1, `by one of three: ${JSON.stringify(held)}`)
      for (const store of stores) await store.close()
      t.same(
        (await readdir(path)).filter((name) => name.startsWith('lock')),
        [],
      )
    }
  })
})
