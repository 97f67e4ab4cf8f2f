/**
 * Opens the database file for this process alone: made if absent (0600, in a folder 0700), locked at once, and checked. One that
 * is damaged is kept aside, and a new one begun.
 */
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { SqliteQueueError } from './errors.ts'
import { fileError } from './failure.ts'
import { inspect } from './wal.ts'

/** Marks the file as a queue of ours: 'bmqs'. */
const applicationId = 0x626d7173

/** Damaged files kept, the newest. @default 3 */
const maxKept = 3

export interface Notice {
  readonly is: 'set-aside' | 'not-synced' | 'synced-again' | 'not-checkpointed'
  readonly path: string
  /** Where what is damaged lies now. */
  readonly kept?: string
  readonly cause: unknown
}

/** Descriptors for syncs. Closing one of the database drops SQLite's lock on it in this process: only after the database itself. */
export interface Disk {
  readonly path: string
  readonly folder: string
  readonly file: number
  readonly log: number
  readonly pageSize: number
  readonly isNew: boolean
}

export interface Opened {
  readonly db: DatabaseSync
  /** None for ':memory:'. */
  readonly disk: Disk | undefined
}

export interface OpenOptions {
  readonly path: string
  readonly pageSize: number
  readonly cacheKilobytes: number
  onNotice(notice: Notice): void
}

export function openDatabase(options: OpenOptions): Opened {
  const { path } = options
  if (path === ':memory:') return { db: connect(options), disk: undefined }
  try {
    const isNew = prepare(options)
    return tryOpen(options, isNew) ?? tryOpen(options, true) ?? fail(path)
  } catch (error) {
    throw fileError(error, path) ?? error
  }
}

function fail(path: string): never {
  throw new SqliteQueueError('CORRUPT', `The queue file ${path} is damaged again right after a new one was begun`, { hint: 'Look at the disk (dmesg)' })
}

/** Whether the file is new. */
function prepare({ path, onNotice }: OpenOptions): boolean {
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  accessSync(folder, constants.W_OK | constants.X_OK)
  const size = statSync(path, { throwIfNoEntry: false })?.size
  // SQLite would silently remove the log of an empty file.
  if (!size && statSync(`${path}-wal`, { throwIfNoEntry: false })?.size) setAside(path, new Error('the database is empty, and its log is not'), onNotice)
  try {
    closeSync(openSync(path, 'wx', 0o600))
    return true
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  accessSync(path, constants.R_OK | constants.W_OK)
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600)
  return size === 0
}

/** Undefined when the file was damaged and is out of the way now. */
function tryOpen(options: OpenOptions, isNew: boolean): Opened | undefined {
  const { path, onNotice } = options
  let db: DatabaseSync | undefined
  let log: number | undefined
  try {
    db = connect(options)
    // We hold the lock: from here on nobody else writes.
    log = openSync(`${path}-wal`, 'r+')
    checkLog(path, log, onNotice)
    checkDatabase(db, path, isNew)
    const pageSize = Number(db.prepare('PRAGMA page_size').get()?.page_size)
    return { db, disk: { path, folder: dirname(path), file: openSync(path, 'r+'), log, pageSize, isNew } }
  } catch (error) {
    const reason = fileError(error, path)
    // Before the database is closed, which would write the log into it and remove it.
    if (reason?.code === 'CORRUPT') setAside(path, error, onNotice)
    if (log !== undefined) closeSync(log)
    if (db?.isOpen) db.close()
    if (reason?.code !== 'CORRUPT') throw reason ?? error
    closeSync(openSync(path, 'wx', 0o600))
    return undefined
  }
}

function connect({ path, pageSize, cacheKilobytes }: OpenOptions): DatabaseSync {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const db = new DatabaseSync(path)
  try {
    // One statement a call: the lock must be exclusive before the log is first looked at, or SQLite shares it through a -shm file.
    for (const pragma of [`page_size=${pageSize}`, 'locking_mode=EXCLUSIVE', 'synchronous=OFF', 'journal_mode=WAL', 'wal_autocheckpoint=0']) {
      db.prepare(`PRAGMA ${pragma}`).get()
    }
    db.exec(`PRAGMA cache_size=-${cacheKilobytes}; PRAGMA temp_store=MEMORY; BEGIN IMMEDIATE; COMMIT`)
    return db
  } catch (error) {
    const reason = fileError(error, path)
    if (reason?.code === 'CORRUPT') return damaged(db, reason)
    db.close()
    throw reason ?? error
  }
}

function damaged(db: DatabaseSync, reason: SqliteQueueError): never {
  db.close()
  throw reason
}

/** A torn tail is what a cut of power leaves: SQLite ends at the last whole commit. A log whose head makes no sense is damage. */
function checkLog(path: string, log: number, onNotice: (notice: Notice) => void): void {
  const state = inspect(log)
  if (state === 'garbage') {
    const kept = nameAside(path)
    copyFileSync(`${path}-wal`, `${kept}-wal`)
    onNotice({
      is: 'set-aside',
      path: `${path}-wal`,
      kept: `${kept}-wal`,
      cause: new Error('the head of the log is damaged: the queue is as it was when the log was last emptied'),
    })
  }
  // A process that was killed had marked it as empty: before it is written over, the mark must be on disk.
  if (state === 'empty') fdatasyncSync(log)
}

function checkDatabase(db: DatabaseSync, path: string, isNew: boolean): void {
  const id = Number(db.prepare('PRAGMA application_id').get()?.application_id)
  const tables = Number(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n)
  if (tables === 0 && id === 0) db.exec(`PRAGMA application_id=${applicationId}`)
  else if (id !== applicationId)
    throw new SqliteQueueError('NOT_SUPPORTED', `${path} is a database of something else, not a queue`, { hint: 'Choose another path' })
  if (isNew) return
  const said = db.prepare('PRAGMA quick_check(1)').get()?.quick_check
  if (said !== 'ok') throw new SqliteQueueError('CORRUPT', `The queue file ${path} is damaged (${said})`)
}

function setAside(path: string, cause: unknown, onNotice: (notice: Notice) => void): void {
  const kept = nameAside(path)
  for (const part of ['', '-wal']) if (statSync(`${path}${part}`, { throwIfNoEntry: false })) renameSync(`${path}${part}`, `${kept}${part}`)
  onNotice({ is: 'set-aside', path, kept, cause })
}

/** A free name beside the file that says what it is; the oldest such files go. */
function nameAside(path: string): string {
  const prefix = `${basename(path)}.damaged-`
  const folder = dirname(path)
  const stamp = new Date().toISOString().replace(/[-:.]/g, '')
  const older = readdirSync(folder).filter((name) => name.startsWith(prefix))
  const kept = [...new Set(older.map((name) => name.replace(/-wal$/, '')))].sort()
  for (const name of kept.slice(0, Math.max(0, kept.length - maxKept + 1)))
    for (const part of ['', '-wal']) rmSync(join(folder, `${name}${part}`), { force: true })
  return join(folder, `${prefix}${stamp}`)
}
