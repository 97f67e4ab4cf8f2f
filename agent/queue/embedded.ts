/** The queue in a file of this home, by Node's own SQLite: nothing to install, survives the agent. Nothing is loaded before it is opened. */
import { stat } from 'node:fs/promises'
import { IpdcError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import type { Queue, QueueInfo } from '../../src/core/ports.ts'
import { openBacklog } from './backlog.ts'
import { type BullQueue, createBullQueue } from './bull.ts'
import type { Notice } from './sqlite/notice.ts'

export interface EmbeddedQueueOptions {
  /** The file; `:memory:` survives nothing. */
  readonly path: string
  /** `normal`: a power cut costs at most the last second; `full`: nothing that was accepted. @default 'normal' */
  readonly durability?: 'normal' | 'full' | undefined
  readonly limit: number
  readonly log: Log
}

/** What only a new start of the agent mends, by the backend's codes: it opens a file once. */
const again = 'ipdc down, then ipdc up'
const hints: Readonly<Record<string, string>> = {
  CORRUPT: `Start the agent again, which keeps what is damaged aside and begins a new queue: ${again}`,
  // What stands there is a file of somebody else, or so damaged that this cannot be told.
  NOT_SUPPORTED: 'Move it out of the home, then: ipdc up',
  CLOSED: `Start the agent again: ${again}`,
  IO: `Look at the disk (dmesg), then start the agent again: ${again}`,
}

/** @throws QUEUE_DOWN, ALREADY_RUNNING: another process has the file open */
export async function openEmbeddedQueue({ path, durability = 'normal', limit, log }: EmbeddedQueueOptions): Promise<Queue> {
  const wrap = (cause: unknown): IpdcError => {
    if (cause instanceof IpdcError) return cause
    const { code, message, hint } = cause as { code?: unknown; message?: unknown; hint?: unknown }
    if (code === 'IN_USE') return new IpdcError('ALREADY_RUNNING', { message: `${path} is open in another process`, hint: 'ipdc down', cause })
    // The backend says what failed on which file, and what to do about it.
    return new IpdcError('QUEUE_DOWN', { message: String(message), hint: hints[String(code)] ?? (typeof hint === 'string' ? hint : undefined), cause })
  }
  let queue: BullQueue | undefined
  let damaged: QueueInfo['damaged']
  const onNotice = (notice: Notice) => {
    if (notice.is === 'set-aside') {
      damaged = { kept: notice.kept, cause: messageOf(notice.cause) }
      log.warn({ err: new Error(damaged.cause), kept: damaged.kept }, `queue file set aside: what was damaged is kept as ${damaged.kept}: ${damaged.cause}`)
    } else log.warn({ path: notice.path, ...('cause' in notice ? { err: notice.cause } : {}) }, `queue file ${notice.is}`)
  }
  try {
    const { createSqliteBackend } = await import('./sqlite/backend.ts')
    const backend = createSqliteBackend({ path, durability, isOurs: true, onNotice })
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
        info: async () => ({ use: 'embedded', path, bytes: await bytesOf(path), ...(damaged === undefined ? {} : { damaged }) }),
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

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
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
