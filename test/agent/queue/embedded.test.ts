import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openEmbeddedQueue } from '../../../agent/queue/embedded.ts'
import { silent } from '../../../src/core/log.ts'
import type { QueueChange } from '../../../src/core/ports.ts'
import { conformance } from '../../conformance/queue.ts'
import { folder } from '../rooms.ts'
import { killedHolder } from './killed.ts'

for (const durability of ['normal', 'full'] as const) {
  t.test(`on a file, ${durability}`, (t) => {
    let files = 0
    const dir = t.testdir()
    const next = () => join(dir, `queue-${files++}.db`)
    conformance(t, {
      open: async (_t, limit) => openEmbeddedQueue({ path: next(), durability, limit, log: silent }),
      async place() {
        const path = next()
        return { open: (limit) => openEmbeddedQueue({ path, durability, limit, log: silent }) }
      },
    })
    t.end()
  })
}

t.test('in memory', (t) => {
  conformance(t, { open: async (_t, limit) => openEmbeddedQueue({ path: ':memory:', limit, log: silent }) })
  t.end()
})

t.test('what a killed process held waits again, what ran comes first', async (t) => {
  const path = join(t.testdir(), 'queue.db')
  await killedHolder({ use: 'embedded', path })
  const queue = await openEmbeddedQueue({ path, limit: 10, log: silent })
  t.same(
    await queue.held(),
    [...'abcd'].map((id) => ({ id, is: 'waiting' })),
  )
  const begun: string[] = []
  const all = new Promise<void>((resolve) =>
    queue.take(async ({ id, data }) => {
      t.equal(new TextDecoder().decode(data), `bytes of ${id}`)
      if (begun.push(id) === 4) resolve()
    }, 1),
  )
  await queue.resume()
  await all
  t.same(begun, [...'abcd'])
  await queue.close()
})

t.test('it says where it is and how large', async (t) => {
  const path = join(t.testdir(), 'queue.db')
  const queue = await openEmbeddedQueue({ path, limit: 10, log: silent })
  const info = await queue.info()
  t.match(info, { use: 'embedded', path })
  t.ok((info.bytes ?? 0) > 0)
  await queue.close()
})

t.test('its own file is kept aside when nothing in it tells any more that it was a queue, and it begins anew', async (t) => {
  const path = join(t.testdir(), 'queue.db')
  const before = await openEmbeddedQueue({ path, limit: 10, log: silent })
  await before.close()
  const bytes = readFileSync(path).fill('garbage', 0, 512)
  writeFileSync(path, bytes)
  const queue = await openEmbeddedQueue({ path, limit: 10, log: silent })
  t.equal(await queue.add({ id: 'a', data: new Uint8Array() }), 'accepted')
  const { damaged } = await queue.info()
  t.same(readFileSync(damaged?.kept ?? ''), bytes)
  await queue.close()
})

t.test('a file that is open already is not opened again', async (t) => {
  const path = join(t.testdir(), 'queue.db')
  const queue = await openEmbeddedQueue({ path, limit: 10, log: silent })
  await t.rejects(openEmbeddedQueue({ path, limit: 10, log: silent }), { code: 'ALREADY_RUNNING' })
  await queue.close()
  const again = await openEmbeddedQueue({ path, limit: 10, log: silent })
  await again.close()
})

t.test('a full disk takes the queue down: it says what to do, keeps what it has, and goes on when there is room', async (t) => {
  const dir = await folder(t)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'ipdc-test', dir]).status !== 0) return t.plan(0, 'no small disk can be mounted here')
  t.teardown(() => spawnSync('umount', ['-l', dir]))
  const queue = await openEmbeddedQueue({ path: join(dir, 'queue.db'), limit: 1_000, log: silent })
  const changed = Promise.withResolvers<QueueChange>()
  queue.onChange((change) => {
    if (change.is === 'up') changed.resolve(change)
  })
  const data = new Uint8Array(8_000)
  let held = 0
  const refused = await (async () => {
    for (;;) await queue.add({ id: `task-${held}`, data }).then(() => held++)
  })().catch((error: unknown) => error)
  t.match(refused, { code: 'QUEUE_DOWN', message: /full/, hint: /room/i })
  t.match(queue.status, { is: 'down', error: { code: 'QUEUE_DOWN' } })
  t.equal(queue.size.waiting, held)
  t.equal(spawnSync('mount', ['-o', 'remount,size=4096k', dir]).status, 0)
  await changed.promise
  t.equal(await queue.add({ id: 'one-more', data }), 'accepted')
  const begun: string[] = []
  const last = Promise.withResolvers<void>()
  queue.take(async ({ id }) => {
    begun.push(id)
    if (id === 'one-more') last.resolve()
  }, 4)
  await last.promise
  t.equal(begun.length, held + 1, 'nothing that was accepted is lost')
  await queue.close()
})
