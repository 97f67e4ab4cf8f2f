/** The backend on SQLite as one of the sides: in memory, or in a file of its own where the sequence restarts it. It follows `Date`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Queue } from 'bullmq'
import { createSqliteBackend } from '../../../../../agent/queue/sqlite/backend.ts'
import { type Open, storeOn } from './side.ts'

export function onSqlite(create = createSqliteBackend): Open {
  return async (setup) => {
    const folder = setup.restarts ? await mkdtemp(join(tmpdir(), 'ipdc-queue-')) : undefined
    const path = folder === undefined ? ':memory:' : join(folder, 'queue.db')
    let factory = create({ path })
    const ground = {
      factory: () => factory as never,
      connection: {},
      events: async (queue: Queue) => (await queue.getBackend().readEvents('0-0', 1))?.[0]?.[1] ?? [],
      advance: async () => {},
      restart: async () => {
        await factory.close()
        factory = create({ path })
      },
      close: async () => {
        await factory.close()
        if (folder !== undefined) await rm(folder, { recursive: true, force: true })
      },
    }
    return storeOn(ground, setup)
  }
}
