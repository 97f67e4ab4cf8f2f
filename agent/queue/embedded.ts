/** The queue in a file of this home, by Node's own SQLite: nothing to install, survives the agent. Nothing is loaded before it is opened. */
import { stat } from 'node:fs/promises'
import { IpdcError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import type { Queue } from '../../src/core/ports.ts'
import { openBacklog } from './backlog.ts'
import { type BullQueue, createBullQueue } from './bull.ts'

export interface EmbeddedQueueOptions {
  /** The file; `:memory:` survives nothing. */
  readonly path: string
  /** `normal`: a power cut costs at most the last second; `full`: nothing that was accepted. @default 'normal' */
  readonly durability?: 'normal' | 'full' | undefined
  readonly limit: number
  readonly log: Log
}

/** @throws QUEUE_DOWN, ALREADY_RUNNING: another process has the file open */
export async function openEmbeddedQueue({ path, durability = 'normal', limit, log }: EmbeddedQueueOptions): Promise<Queue> {
  const wrap = (cause: unknown): IpdcError => {
    if (cause instanceof IpdcError) return cause
    const { code, message, hint } = cause as { code?: unknown; message?: unknown; hint?: unknown }
    if (code === 'IN_USE') return new IpdcError('ALREADY_RUNNING', { message: `${path} is open in another process`, hint: 'ipdc down', cause })
    // The backend says what failed on which file, and what to do about it.
    return new IpdcError('QUEUE_DOWN', { message: String(message), hint: typeof hint === 'string' ? hint : undefined, cause })
  }
  let queue: BullQueue | undefined
  try {
    const { createSqliteBackend } = await import('./sqlite/backend.ts')
    const backend = createSqliteBackend({
      path,
      durability,
      onNotice: ({ is, ...fields }) => log.warn(fields, `queue file ${is}`),
    })
    try {
      const backlog = await openBacklog({ name: 'tasks', prefix: 'ipdc', backend, connection: {}, onError: (error) => queue?.failed(error) })
      queue = await createBullQueue({
        backlog: {
          ...backlog,
          async close() {
            await backlog.close()
            await backend.close()
          },
        },
        limit,
        wrap,
        info: async () => ({ use: 'embedded', path, bytes: await bytesOf(path) }),
        log,
      })
      return queue
    } catch (error) {
      await backend.close().catch(() => {})
      throw error
    }
  } catch (error) {
    throw wrap(error)
  }
}

/** With its journal. */
async function bytesOf(path: string): Promise<number> {
  const sizes = await Promise.all(
    [path, `${path}-wal`].map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
