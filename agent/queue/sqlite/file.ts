/**
 * One database file of a queue, owned by this process: group commits on the event loop, syncs beside it. What `run` has resolved
 * survives the death of the process; with 'full' also a cut of power, with 'normal' all but the last second does.
 */
import { closeSync, linkSync, renameSync } from 'node:fs'
import { createCheckpoint } from './checkpoint.ts'
import { type Batch, createCommitter, type Waiting } from './commit.ts'
import { SqliteQueueError } from './errors.ts'
import { fileError } from './failure.ts'
import type { Notice } from './notice.ts'
import { type Disk, openDatabase } from './open.ts'
import { createDesk, type Row, type Sql } from './sql.ts'
import { createSyncs } from './sync.ts'
import { createWal } from './wal.ts'

export type { Notice, Row, Sql }

export type Durability = 'normal' | 'full'

/** 'normal': from the first commit that is not on disk to the sync. @default 600 (ms) */
const syncMs = 600
/** After a sync that failed. @default 1_000 (ms) */
const againMs = 1_000
/** While the log cannot be emptied, it may grow to this many times its bound; then nothing more is taken. @default 8 */
const maxOverdue = 8
/** Operations that may wait. @default 65_536 */
const maxWaiting = 65_536
/** Commits between two looks at the length of the log. @default 4 */
const lookEvery = 4

/** Marks the file as a queue of ours: 'bmqs'. */
const applicationId = 0x626d7173

// At load: a test that fakes timers must not stop a queue.
const { setImmediate, setTimeout, clearTimeout } = globalThis

export interface FileOptions {
  /** ':memory:' for tests: no syncs. */
  readonly path: string
  /** @default 'normal' */
  readonly durability?: Durability
  /** Migrations: the n-th brings user_version from n - 1 to n. */
  readonly schema: readonly string[]
  /** Of a new file. @default 1_024 (bytes) */
  readonly pageSize?: number
  /** Memory for pages. @default 512 (KiB) */
  readonly cacheKilobytes?: number
  /** A log that is longer is emptied into the database. @default 1_048_576 (bytes) */
  readonly maxLogBytes?: number
  /** Recovery, in the first transaction. */
  readonly opened?: (sql: Sql) => void
  readonly onNotice?: (notice: Notice) => void
}

export interface QueueFile {
  readonly path: string
  /**
   * Runs in the order of calls, in the batch of this turn of the event loop. Resolves after the COMMIT; 'full': and its sync.
   * When that sync fails it rejects (IO, DISK_FULL), though the operation is done in this process and may be found after a restart.
   * @throws SqliteQueueError (DISK_FULL, READ_ONLY, CORRUPT, BUSY, CLOSED, IO), or what the operation threw
   */
  run<T>(operation: (sql: Sql) => T): Promise<T>
  /** Commits what waits, empties the log into the database, syncs. @throws SqliteQueueError when the disk does not take it: the log stays */
  close(): Promise<void>
}

/** @throws SqliteQueueError (IN_USE, NOT_SUPPORTED, READ_ONLY, DISK_FULL, CORRUPT, IO) */
export function openFile(options: FileOptions): QueueFile {
  const { path, durability = 'normal', schema, pageSize = 1024, cacheKilobytes = 512, maxLogBytes = 1024 * 1024, opened, onNotice = () => {} } = options
  const { db, disk } = openDatabase({ path, pageSize, cacheKilobytes, onNotice })
  const durable = disk && openDurable(disk)
  const committer = createCommitter(db, createDesk(db), { failed, named })
  const queue: Waiting[] = []
  let isScheduled = false
  /** Syncs that no commit may pass. */
  let underWay: Promise<void> | undefined
  /** The next commit writes the head of the log. With synchronous=NORMAL SQLite would sync it, on the event loop. */
  let isLogNew = true
  let timer: NodeJS.Timeout | undefined
  let commits = 0
  let emptyAtBytes = maxLogBytes
  let isFailing = false
  let closing: Promise<void> | undefined

  function openDurable(of: Disk) {
    const wal = createWal(of.log, of.pageSize)
    const syncs = createSyncs(of, wal, (cause) => onNotice({ is: 'mended', path, cause }))
    return { wal, syncs, checkpoint: createCheckpoint(db, wal, syncs) }
  }

  const schedule = () => {
    if (isScheduled || underWay !== undefined || queue.length === 0) return
    isScheduled = true
    setImmediate(flush)
  }

  const flush = () => {
    isScheduled = false
    if (underWay !== undefined || queue.length === 0) return
    if (durable && (durable.syncs.hasFailed || durable.checkpoint.stage !== 'none' || durable.wal.bytes > maxOverdue * maxLogBytes)) return hold(mend())
    const batch = committer.commit(queue)
    if (batch !== undefined) committed(batch)
    schedule()
  }

  /** For whoever ends without `close`: SQLite, which is closed then, syncs before it removes the log. */
  const logHasFrames = () => {
    if (isLogNew) db.exec('PRAGMA synchronous=NORMAL')
    isLogNew = false
  }

  const committed = (batch: Batch) => {
    if (!durable || !batch.wrote) return batch.settle()
    const { wal, syncs } = durable
    logHasFrames()
    syncs.wrote()
    if (durability === 'full') {
      syncLog().then(batch.settle, batch.doubt)
    } else {
      batch.settle()
      syncSoon(syncMs)
    }
    commits += 1
    if (commits % lookEvery === 0) wal.look()
    if (wal.bytes > emptyAtBytes) hold(emptyLog())
  }

  /** No commit before this is done. */
  const hold = (work: Promise<void>) => {
    underWay = work
      .catch(() => {})
      .finally(() => {
        underWay = undefined
        schedule()
      })
  }

  const emptyLog = async () => {
    if (!durable) return
    try {
      await durable.checkpoint.run()
      emptyAtBytes = maxLogBytes
      if (durable.wal.frames === 0 && !isLogNew) {
        isLogNew = true
        db.exec('PRAGMA synchronous=OFF')
      }
      recovered()
    } catch (cause) {
      emptyAtBytes = durable.wal.bytes + maxLogBytes / 4
      throw trouble(cause)
    }
  }

  const syncLog = async () => {
    try {
      await durable?.syncs.log()
      recovered()
    } catch (cause) {
      throw trouble(cause)
    }
  }

  /** The disk has not taken what it should have: nothing more is committed before it does. */
  const mend = async () => {
    try {
      if (durable?.syncs.hasFailed) await syncLog()
      else await emptyLog()
    } catch (reason) {
      for (const { reject } of queue.splice(0)) reject(reason)
    }
  }

  const syncSoon = (ms: number) => {
    timer ??= setTimeout(() => {
      timer = undefined
      syncLog().catch(() => syncSoon(againMs))
    }, ms).unref()
  }

  /** Told once, until all is on disk again. */
  const trouble = (cause: unknown) => {
    const reason = fileError(cause, path) ?? cause
    if (!isFailing) onNotice({ is: 'failing', path, cause: reason })
    isFailing = true
    return reason
  }

  const recovered = () => {
    if (isFailing) onNotice({ is: 'recovered', path })
    isFailing = false
  }

  function named(cause: unknown): unknown {
    const reason = fileError(cause, path)
    return reason?.code === 'CORRUPT' ? trouble(reason) : (reason ?? cause)
  }

  function failed(cause: unknown): unknown {
    durable?.wal.cut()
    return trouble(cause)
  }

  const migrate = (sql: Sql) => {
    const { id, version, tables } = sql.get(
      'SELECT (SELECT application_id FROM pragma_application_id) AS id, user_version AS version, (SELECT count(*) FROM sqlite_schema) AS tables FROM pragma_user_version',
    ) as { id: number; version: number; tables: number }
    if (id !== applicationId && (id !== 0 || tables > 0)) {
      throw new SqliteQueueError('NOT_SUPPORTED', `${path} is a database of something else, not a queue`, { hint: 'Choose another path' })
    }
    if (version > schema.length) {
      const hint = 'Update this program, or choose another path'
      throw new SqliteQueueError('NOT_SUPPORTED', `The queue file ${path} was made by a newer version (${version}; this one knows ${schema.length})`, { hint })
    }
    if (id !== applicationId) sql.run(`PRAGMA application_id=${applicationId}`)
    for (const migration of schema.slice(version)) db.exec(migration)
    if (version < schema.length) sql.run(`PRAGMA user_version=${schema.length}`)
    opened?.(sql)
  }

  const release = () => {
    clearTimeout(timer)
    // A checkpoint whose pages are not on disk: SQLite trusts its own writes, and would remove the log, which has them.
    const isLogNeeded = durable?.checkpoint.stage === 'database'
    if (isLogNeeded) linkSync(`${path}-wal`, `${path}-kept`)
    db.close()
    if (isLogNeeded) renameSync(`${path}-kept`, `${path}-wal`)
    for (const descriptor of disk ? [disk.file, disk.log] : []) closeSync(descriptor)
  }

  const end = async () => {
    while (queue.length > 0 || underWay !== undefined) await (underWay ?? new Promise((resolve) => setImmediate(resolve)))
    try {
      await emptyLog()
    } finally {
      release()
    }
  }

  /** Alone and at once: whoever opens the file learns of what is wrong by a throw. */
  const begin = () => {
    if (durable && durable.wal.frames > 0) logHasFrames()
    let refused: { reason: unknown } | undefined
    queue.push({ operation: migrate, resolve: () => {}, reject: (reason) => (refused = { reason }) })
    const batch = committer.commit(queue)
    if (batch !== undefined) committed(batch)
    return refused
  }

  const refused = begin()
  if (refused !== undefined) {
    release()
    throw refused.reason
  }

  return {
    path,
    run(operation) {
      if (closing !== undefined) return Promise.reject(new SqliteQueueError('CLOSED', `The queue file ${path} is closed`))
      if (queue.length >= maxWaiting) return Promise.reject(new SqliteQueueError('BUSY', `${maxWaiting} operations wait for the queue file ${path}`))
      return new Promise((resolve, reject) => {
        queue.push({ operation, resolve: resolve as (value: unknown) => void, reject })
        schedule()
      })
    },
    close() {
      closing ??= end()
      return closing
    },
  }
}
