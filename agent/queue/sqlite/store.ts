/** One open file and the queues in it: all backends of one process share it. Who opens it is its only owner, so what was active is an orphan. */
import { openFile, type QueueFile, type Sql } from './file.ts'
import { Litter } from './litter.ts'
import type { SqliteQueueOptions } from './options.ts'
import { createQueue, type Queue } from './queue.ts'
import { recover } from './recovering.ts'
import { maxQueues, pageSize, schema } from './schema.ts'
import { Turn } from './turn.ts'

export interface Store {
  /** The queue of this qualified name. */
  queue(name: string): Queue
  /** Runs an operation on a queue, in the order of calls. Resolves after COMMIT. */
  run<T>(queue: Queue, operation: (turn: Turn) => T): Promise<T>
  /** As BullMQ asks for them: one line each. */
  readonly clients: Set<Client>
  readonly closed: AbortSignal
  close(): Promise<void>
}

/** One backend, or the waiting half of a worker. */
export interface Client {
  name: string
  readonly since: number
}

export function openStore({ path, durability, isOurs = false, onNotice }: SqliteQueueOptions): Store {
  const queues = new Map<string, Queue>()
  const litter = new Litter()
  const ended = new AbortController()
  const file = open()
  let closing: Promise<void> | undefined

  function open(): QueueFile {
    return openFile({
      path,
      durability: durability ?? 'normal',
      schema,
      pageSize,
      isOurs,
      opened: (sql) => {
        for (const queue of recover(sql)) queues.set(queue.name, queue)
      },
      ...(onNotice === undefined ? {} : { onNotice }),
    })
  }

  function queueOf(name: string): Queue {
    const known = queues.get(name)
    if (known !== undefined) return known
    const made = createQueue(name)
    queues.set(name, made)
    return made
  }

  /** All that is only in memory for speed is written as it is; what a crash would leave behind is gone. */
  async function end(): Promise<void> {
    ended.abort()
    const written = file.run((sql) => {
      litter.sweep(sql)
      for (const { q, ids, events } of queues.values()) if (q > 0) sql.run('UPDATE queue SET ids = ?, events = ? WHERE q = ?', ids, events.newestMs, q)
      sql.run("INSERT OR REPLACE INTO meta (q, field, value) VALUES (0, 'closed', '1')")
    })
    // A full disk is no reason not to close.
    await written.catch(() => {})
    await file.close()
  }

  const store: Store = {
    queue: queueOf,
    run: (queue, operation) =>
      file.run((sql) => {
        const turn = new Turn(sql, queue, litter)
        if (queue.q === 0) register(sql, queue)
        const result = operation(turn)
        turn.end()
        return result
      }),
    clients: new Set(),
    closed: ended.signal,
    close() {
      closing ??= end()
      return closing
    },
  }
  return store
}

function register(sql: Sql, queue: Queue): void {
  const { lastInsertRowid } = sql.run('INSERT INTO queue (name, ids, events, limited) VALUES (?, ?, ?, 0)', queue.name, queue.keptIds, queue.keptEvents)
  if (lastInsertRowid > maxQueues) throw new Error(`There are ${maxQueues} queues in this file, and it holds no more: obliterate some`)
  queue.q = lastInsertRowid
  sql.undo(() => {
    queue.q = 0
  })
}
