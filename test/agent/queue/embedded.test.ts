import { join } from 'node:path'
import t from 'tap'
import { openEmbeddedQueue } from '../../../agent/queue/embedded.ts'
import { silent } from '../../../src/core/log.ts'
import { conformance } from '../../conformance/queue.ts'
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

t.test('a file that is open already is not opened again', async (t) => {
  const path = join(t.testdir(), 'queue.db')
  const queue = await openEmbeddedQueue({ path, limit: 10, log: silent })
  await t.rejects(openEmbeddedQueue({ path, limit: 10, log: silent }), { code: 'ALREADY_RUNNING' })
  await queue.close()
  const again = await openEmbeddedQueue({ path, limit: 10, log: silent })
  await again.close()
})
