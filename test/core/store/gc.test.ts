/** Whatever is added, pinned, let go and collected in whatever order, side by side or not, before or after a restart: what is pinned is whole. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { codeOf } from '../../../src/core/errors.ts'
import { silent } from '../../../src/core/log.ts'
import type { Store } from '../../../src/core/ports.ts'
import { createEmbeddedStore } from '../../../src/core/store/embedded.ts'
import { all, noise } from '../../conformance/store.ts'
import { folder } from './folder.ts'

const open = (path: string) => createEmbeddedStore({ path, limit: 2 ** 28, log: silent, segmentBytes: 256 << 10 })

const step = fc.record({
  is: fc.constantFrom('add', 'add', 'add', 'tree', 'unpin', 'unpin', 'gc', 'gc', 'repin', 'reopen'),
  key: fc.nat(12),
  together: fc.boolean(),
})

/** Files of one key share their first half, so that blocks are shared between roots. */
const contentOf = (key: number) => Buffer.concat([noise(`shared ${key % 3}`, 1 << 20), noise(`own ${key}`, 1000 + key * 20_000)])

t.test('what is pinned is whole, in any order of things', async (t) => {
  const path = await folder(t)
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const at = join(path, String(runs++))
      let store = await open(at)
      const model = new Map<string, { cid: string; key: number; below: string }>()
      let running: Promise<unknown>[] = []
      const act = async (store: Store, is: string, key: number) => {
        const name = `pin-${key}`
        if (is === 'add') {
          const { cid } = await store.addFile(contentOf(key), { pin: name })
          model.set(name, { cid, key, below: '' })
        } else if (is === 'tree') {
          const { cid } = await store.addTree([{ path: 'a/file', content: contentOf(key) }], { pin: `tree-${key}` })
          model.set(`tree-${key}`, { cid, key, below: '/a/file' })
        } else if (is === 'repin') {
          const held = model.get(name)
          if (held === undefined) return
          try {
            await store.pin(held.cid, `again-${key}`)
            model.set(`again-${key}`, held)
          } catch (error) {
            // It was let go and collected meanwhile: then it is no pin.
            if (codeOf(error) !== 'NOT_FOUND') throw error
          }
        } else if (is === 'unpin') {
          model.delete(name)
          await store.unpin(name)
        } else if (is === 'gc') {
          await store.gc()
        }
      }
      for (const { is, key, together } of steps) {
        if (is === 'reopen') {
          await Promise.all(running)
          running = []
          await store.close()
          store = await open(at)
        } else if (together && !running.some(Boolean)) {
          running = [act(store, is, key)]
        } else if (together && (is === 'gc' || is === 'add')) {
          // Two adds or an unpin of one name at the same time would have no one outcome to check.
          await Promise.all([...running, act(store, 'gc', key)])
          running = []
        } else {
          await Promise.all(running)
          running = []
          await act(store, is, key)
        }
      }
      await Promise.all(running)
      await store.gc()
      const check = async (store: Store) => {
        const pins = new Set((await all(store.pins())).map(({ name, cid }) => `${name} ${cid}`))
        if (pins.size !== model.size) throw new Error(`${pins.size} pins of ${model.size}`)
        for (const [name, { cid, key, below }] of model) {
          if (!pins.has(`${name} ${cid}`)) throw new Error(`${name} is not pinned`)
          if (!Buffer.concat(await all(store.cat(cid + below))).equals(contentOf(key))) throw new Error(`${name} is not whole`)
        }
      }
      await check(store)
      await store.close()
      store = await open(at)
      await check(store)
      for (const name of model.keys()) await store.unpin(name)
      await store.gc()
      const { blocks, bytes } = await store.usage()
      if (blocks !== 0 || bytes > 0) throw new Error(`${blocks} blocks and ${bytes} bytes are left when nothing is pinned`)
      await store.close()
    }),
    { numRuns: 25 },
  )
})

t.test('a segment with little that lives is written anew, and its blocks read on meanwhile', async (t) => {
  const path = join(await folder(t), 'store')
  const store = await open(path)
  t.teardown(() => store.close())
  const kept = await store.addFile(noise('kept', 10_000), { pin: 'kept' })
  await store.addFile(noise('dead', 240_000), { pin: 'dead' })
  await store.addFile(noise('next', 200_000), { pin: 'next' })
  const segments = async () => (await readdir(path)).filter((name) => name.endsWith('.car'))
  t.same(await segments(), ['00000001.car', '00000002.car'])
  await store.unpin('dead')
  const reading = Promise.all(Array.from({ length: 20 }, () => all(store.cat(kept.cid))))
  const { freed } = await store.gc()
  for (const read of await reading) t.ok(Buffer.concat(read).equals(noise('kept', 10_000)))
  t.ok(freed > 230_000 && freed < 240_100, `${freed} bytes came back`)
  t.same(await segments(), ['00000002.car'])
  t.ok(Buffer.concat(await all(store.cat(kept.cid))).equals(noise('kept', 10_000)))
})

t.test('many roots under one name, and many names, do not slow a collection to a halt', async (t) => {
  const store = await open(join(await folder(t), 'store'))
  t.teardown(() => store.close())
  await Promise.all(Array.from({ length: 2000 }, (_, i) => store.addFile(Buffer.from(`file ${i}`), { pin: `name-${i % 10}` })))
  t.equal((await all(store.pins())).length, 2000)
  for (let i = 0; i < 9; i++) await store.unpin(`name-${i}`)
  await store.gc()
  t.equal((await store.usage()).blocks, 200)
})
