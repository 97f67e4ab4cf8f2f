/**
 * One database file of a queue, owned by this process: group commits on the event loop, syncs beside it. What `run` has resolved
 * survives the death of the process; with 'full' also a cut of power, with 'normal' all but the last second does.
 */
import { closeSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { keepLog, takeBackLog } from './aside.ts'
import { createCheckpoint } from './checkpoint.ts'
import { type Batch, createCommitter, type Waiting } from './commit.ts'
import { SqliteQueueError } from './errors.ts'
import { fileError } from './failure.ts'
import { applicationId } from './found.ts'
import { checkSchema } from './migrating.ts'
import type { Notice } from './notice.ts'
import { type Disk, openDatabase } from './open.ts'
import { createDesk, type Row, type Sql } from './sql.ts'
import { createSyncs } from './sync.ts'

export type { Notice, Row, Sql }

export type Durability = 'normal' | 'full'
const durabilities: readonly Durability[] = ['normal', 'full']

/** 'normal': from the first commit that is not on disk to the sync. @default 600 (ms) */
const syncMs = 600
/** After a sync that failed. @default 1_000 (ms) */
const againMs = 1_000
/** While the log cannot be emptied, it may grow to this many times its bound; then nothing more is taken. @default 8 */
const maxOverdue = 8
/** Operations that may wait. @default 65_536 */
const maxWaiting = 65_536
/** Rows changed, or pages of long values, between two looks at the length of the log. @default 64 */
const lookEvery = 64

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
  /** A log that is longer is emptied into the database, which holds the event loop for a few milliseconds. @default 1_024 (pages) */
  readonly maxLogPages?: number
  /** Recovery, in the first transaction. */
  readonly opened?: (sql: Sql) => void
  /** Nobody else writes to this path: a file that makes no sense is a damaged queue and kept aside. Else only one that says that it is a queue. @default false */
  readonly isOurs?: boolean
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
  const {
    path: given,
    durability = 'normal',
    schema,
    pageSize = 1024,
    cacheKilobytes = 512,
    maxLogPages = 1024,
    isOurs = false,
    opened,
    onNotice = () => {},
  } = options
  if (!durabilities.includes(durability)) {
    throw new SqliteQueueError('NOT_SUPPORTED', `Not a durability: ${JSON.stringify(durability)}`, { hint: `Choose one of ${durabilities.join(', ')}` })
  }
  const check = (of: DatabaseSync) => checkSchema(of, given, schema)
  const { db, disk } = openDatabase({ path: given, pageSize, cacheKilobytes, isOurs, check, onNotice })
  const path = disk?.path ?? given
  const durable = disk && openDurable(disk)
  const committer = createCommitter(db, createDesk(db), { failed, named })
  const queue: Waiting[] = []
  let isScheduled = false
  /** Syncs that no commit may pass. */
  let underWay: Promise<void> | undefined
  /** The next commit writes the head of the log. With synchronous=NORMAL SQLite would sync it, on the event loop. */
  let isLogNew = true
  let timer: NodeJS.Timeout | undefined
  let unseenChanges = 0
  let emptyAtPages = maxLogPages
  let isFailing = false
  let closing: Promise<void> | undefined

  function openDurable(of: Disk) {
    const syncs = createSyncs(of, (cause) => onNotice({ is: 'mended', path, cause }))
    return { wal: of.wal, syncs, checkpoint: createCheckpoint(db, of.wal, syncs) }
  }

  const schedule = () => {
    if (isScheduled || underWay !== undefined || queue.length === 0) return
    isScheduled = true
    setImmediate(flush)
  }

  const flush = () => {
    isScheduled = false
    if (underWay !== undefined || queue.length === 0) return
    if (durable && (durable.syncs.hasFailed || durable.checkpoint.stage !== 'none' || durable.wal.frames > maxOverdue * maxLogPages)) return hold(mend())
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
    if (durable && batch.hasUndone) durable.wal.cut()
    if (!durable || batch.changes === 0) return batch.settle()
    const { wal, syncs } = durable
    logHasFrames()
    syncs.wrote()
    if (durability === 'full') {
      syncLog().then(batch.settle, batch.doubt)
    } else {
      batch.settle()
      syncSoon(syncMs)
    }
    unseenChanges += batch.changes
    if (unseenChanges >= lookEvery) {
      unseenChanges = 0
      wal.look()
    }
    if (wal.frames > emptyAtPages) hold(emptyLog())
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
      emptyAtPages = maxLogPages
      if (durable.wal.frames === 0 && !isLogNew) {
        isLogNew = true
        db.exec('PRAGMA synchronous=OFF')
      }
      recovered()
    } catch (cause) {
      emptyAtPages = durable.wal.frames + maxLogPages / 4
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
    const version = Number(sql.get('SELECT user_version FROM pragma_user_version')?.user_version)
    if (version > schema.length) {
      const hint = 'Update this program, or choose another path'
      throw new SqliteQueueError('NOT_SUPPORTED', `The queue file ${path} was made by a newer version (${version}; this one knows ${schema.length})`, { hint })
    }
    if (version === 0) sql.run(`PRAGMA application_id=${applicationId}`)
    for (const migration of schema.slice(version)) db.exec(migration)
    if (version < schema.length) sql.run(`PRAGMA user_version=${schema.length}`)
    opened?.(sql)
  }

  const release = () => {
    clearTimeout(timer)
    // A checkpoint whose pages are not on disk: SQLite trusts its own writes, and would remove the log, which has them.
    const isLogNeeded = durable?.checkpoint.stage === 'database'
    if (isLogNeeded) keepLog(path)
    db.close()
    if (isLogNeeded) takeBackLog(path)
    for (const descriptor of disk ? [disk.file, disk.log] : []) closeSync(descriptor)
  }

  const end = async () => {
    while (queue.length > 0 || underWay !== undefined) await (underWay ?? new Promise((resolve) => setImmediate(resolve)))
    try {
      await emptyLog()
    } finally {
      // Descriptors that are closed may be another file's at once.
      await durable?.syncs.landed()
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
