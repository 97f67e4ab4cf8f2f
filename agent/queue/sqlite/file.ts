/**
 * One database file of a queue, owned by this process: group commits on the event loop, syncs beside it. What `run` has resolved
 * survives the death of the process; with 'full' also a cut of power, with 'normal' all but the last second does.
 */

import { closeSync, linkSync, renameSync } from 'node:fs'
import type { SQLInputValue } from 'node:sqlite'
import { type Batch, commitBatch, type Waiting } from './commit.ts'
import { SqliteQueueError } from './errors.ts'
import { fileError } from './failure.ts'
import { type Notice, openDatabase } from './open.ts'
import { createDesk, type Row, type Sql } from './sql.ts'
import { createSyncs } from './sync.ts'
import { createWal } from './wal.ts'

export type { Notice, Row, SQLInputValue, Sql }

export type Durability = 'normal' | 'full'

/** 'normal': from the first commit that is not on disk to the sync. @default 700 (ms) */
const syncMs = 700
/** After a failed sync, to the next try. @default 1_000 (ms) */
const againMs = 1_000
/** The log is written into the database when it is longer. @default 1 MiB */
const maxLogBytes = 1024 * 1024
/** And nothing more is taken while that fails and the log is as long as this. @default 8 MiB */
const fullLogBytes = 8 * maxLogBytes
/** Operations that may wait. @default 65_536 */
const maxWaiting = 65_536
/** Batches between two looks at the length of the log. */
const lookEvery = 4

// At load: tests that fake timers must not stop a queue.
const { setImmediate, setTimeout, clearTimeout } = globalThis

export interface FileOptions {
  /** ':memory:' for tests: no syncs. */
  readonly path: string
  /** @default 'normal' */
  readonly durability?: Durability
  /** Migrations: the n-th makes user_version n from n - 1. */
  readonly schema: readonly string[]
  /** Of a new file. @default 4_096 (bytes) */
  readonly pageSize?: number
  /** Memory for pages. @default 512 (KiB) */
  readonly cacheKilobytes?: number
  /** Recovery, within the first transaction. */
  readonly opened?: (sql: Sql) => void
  readonly onNotice?: (notice: Notice) => void
}

export interface QueueFile {
  readonly path: string
  /**
   * Runs in order of calls, in the batch of this turn of the event loop. Resolves after the COMMIT; 'full': and its sync.
   * @throws SqliteQueueError (DISK_FULL, READ_ONLY, CORRUPT, BUSY, CLOSED, IO), or what the operation threw
   */
  run<T>(operation: (sql: Sql) => T): Promise<T>
  /** Commits what waits, writes the log into the database, syncs. */
  close(): Promise<void>
}

/** @throws SqliteQueueError (IN_USE, NOT_SUPPORTED, READ_ONLY, DISK_FULL, IO) */
export function openFile(options: FileOptions): QueueFile {
  const { path, durability = 'normal', onNotice = () => {} } = options
  const { db, disk } = openDatabase({ path, pageSize: options.pageSize ?? 4096, cacheKilobytes: options.cacheKilobytes ?? 512, onNotice })
  const desk = createDesk(db)
  const wal = disk && createWal(disk.log, disk.pageSize)
  const syncs = disk && wal && createSyncs(disk, wal)
  const queue: Waiting[] = []
  let state: 'open' | 'closing' | 'closed' = 'open'
  let isScheduled = false
  /** Where a checkpoint stands; while it is under way no batch is committed. */
  let checkpoint: 'none' | 'database' | 'reset' = 'none'
  let underWay: Promise<void> | undefined
  /** The next commit writes the head of the log: SQLite would sync it, on the event loop, but `reset` already made that needless. */
  let isLogNew = true
  let timer: NodeJS.Timeout | undefined
  let batches = 0
  let nextCheckpointBytes = maxLogBytes
  let isFailing = false

  const failed = (cause: unknown) => {
    wal?.cut()
    return fileError(cause, path) ?? cause
  }

  const schedule = () => {
    if (isScheduled || underWay !== undefined || queue.length === 0) return
    isScheduled = true
    setImmediate(flush)
  }

  const flush = () => {
    isScheduled = false
    if (queue.length === 0 || underWay !== undefined) return
    if (syncs && (syncs.hasFailed || checkpoint !== 'none' || (wal && wal.bytes > fullLogBytes))) return mendFirst()
    if (isLogNew) db.exec('PRAGMA synchronous=OFF')
    const batch = commitBatch(db, desk, queue, failed)
    if (isLogNew) db.exec('PRAGMA synchronous=NORMAL')
    if (batch !== undefined) committed(batch)
    schedule()
  }

  const committed = (batch: Batch) => {
    if (!syncs || !wal || !batch.wrote) return batch.settle()
    isLogNew = false
    syncs.wrote()
    if (durability === 'normal') {
      batch.settle()
      syncSoon(syncMs)
    } else {
      syncs.log().then(batch.settle, (cause) => {
        const reason = unsynced(cause)
        batch.doubt(reason)
      })
    }
    batches += 1
    if (batches % lookEvery === 0) wal.look()
    if (wal.bytes > nextCheckpointBytes) hold(emptyLog())
  }

  /** A sync failed for good: nothing more is taken before the disk has what it should have. */
  const mendFirst = () => {
    const mended = checkpoint === 'none' && wal && wal.bytes <= fullLogBytes ? syncs?.log() : emptyLog()
    hold(
      Promise.resolve(mended).then(recovered, (cause) => {
        const reason = unsynced(cause)
        for (const { reject } of queue.splice(0)) reject(reason)
      }),
    )
  }

  /** No batch before this is done. */
  const hold = (work: Promise<void>) => {
    underWay = work
      .catch((cause) => {
        unsynced(cause)
      })
      .finally(() => {
        underWay = undefined
        schedule()
      })
  }

  const syncSoon = (ms: number) => {
    if (timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      syncs?.log().then(recovered, (cause) => {
        unsynced(cause)
        if (state === 'open') syncSoon(againMs)
      })
    }, ms)
    timer.unref()
  }

  const unsynced = (cause: unknown) => {
    const reason = fileError(cause, path) ?? cause
    if (!isFailing) onNotice({ is: 'not-synced', path, cause: reason })
    isFailing = true
    return reason
  }

  const recovered = () => {
    if (isFailing) onNotice({ is: 'synced-again', path, cause: undefined })
    isFailing = false
  }

  /** The log onto disk, then its pages into the database, then these onto disk, then the log is empty. Goes on where it failed. */
  const emptyLog = async () => {
    if (!syncs || !wal) return
    if (checkpoint === 'none') {
      await syncs.log()
      wal.look()
      nextCheckpointBytes = wal.bytes + maxLogBytes / 4
      if (wal.frames === 0) return
      db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()
      checkpoint = 'database'
    }
    if (checkpoint === 'database') {
      await syncs.database()
      checkpoint = 'reset'
    }
    await syncs.reset()
    checkpoint = 'none'
    isLogNew = true
    wal.restarted()
    nextCheckpointBytes = maxLogBytes
    recovered()
  }

  const migrate = (sql: Sql) => {
    const version = Number(sql.get('PRAGMA user_version')?.user_version)
    if (version > options.schema.length) {
      throw new SqliteQueueError('NOT_SUPPORTED', `The queue file ${path} was made by a newer version (${version}, this one knows ${options.schema.length})`, {
        hint: 'Update this program, or choose another path',
      })
    }
    for (const migration of options.schema.slice(version)) db.exec(migration)
    if (version < options.schema.length) sql.run(`PRAGMA user_version=${options.schema.length}`)
    options.opened?.(sql)
  }

  const release = () => {
    clearTimeout(timer)
    // A checkpoint whose pages are not on disk: SQLite, which trusts its own writes, would remove the log that has them.
    const isNeeded = checkpoint === 'database'
    if (isNeeded) linkSync(`${path}-wal`, `${path}-log`)
    if (db.isOpen) db.close()
    if (isNeeded) renameSync(`${path}-log`, `${path}-wal`)
    for (const fd of disk ? [disk.file, disk.log] : []) closeSync(fd)
  }

  const close = async () => {
    while (queue.length > 0 || underWay !== undefined) await (underWay ?? new Promise((resolve) => setImmediate(resolve)))
    try {
      await emptyLog()
    } finally {
      state = 'closed'
      release()
    }
  }
  let closing: Promise<void> | undefined

  try {
    firstTransaction()
  } catch (error) {
    release()
    throw fileError(error, path) ?? error
  }

  function firstTransaction(): void {
    let thrown: { error: unknown } | undefined
    queue.push({ operation: migrate, resolve: () => {}, reject: (error) => (thrown = { error }) })
    const batch = commitBatch(db, desk, queue, failed)
    db.exec('PRAGMA synchronous=NORMAL')
    if (batch !== undefined) committed(batch)
    if (thrown !== undefined) throw (thrown as { error: unknown }).error
  }

  return {
    path,
    run(operation) {
      if (state !== 'open') return Promise.reject(new SqliteQueueError('CLOSED', `The queue file ${path} is closed`))
      if (queue.length >= maxWaiting) return Promise.reject(new SqliteQueueError('BUSY', `${maxWaiting} operations wait for the queue file ${path}`))
      return new Promise((resolve, reject) => {
        queue.push({ operation, resolve, reject })
        schedule()
      })
    },
    close() {
      if (closing !== undefined) return closing
      state = 'closing'
      closing = close()
      return closing
    },
  }
}
