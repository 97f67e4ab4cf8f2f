/**
 * Opens the database file for this process alone: made if absent (0600, in a folder 0700), locked at once, then checked. One that
 * is damaged is kept aside, and a new one begun.
 */
import { accessSync, chmodSync, closeSync, constants, fdatasyncSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { copyLogAside, forgetKeptLog, setAside, sizeOf, takeBackLog } from './aside.ts'
import { SqliteQueueError } from './errors.ts'
import { fileError } from './failure.ts'
import { findAt, realPathOf } from './found.ts'
import type { OnNotice } from './notice.ts'
import { createWal, inspect, type Wal } from './wal.ts'

/** Descriptors for syncs. Closing any descriptor of the database drops SQLite's lock in this process: only after the database itself. */
export interface Disk {
  readonly path: string
  /** Those whose entries must be on disk: the one it lies in, and those above which were made for it. */
  readonly folders: readonly string[]
  readonly file: number
  readonly log: number
  /** What the log holds. */
  readonly wal: Wal
  readonly pageSize: number
}

export interface Opened {
  readonly db: DatabaseSync
  /** None for ':memory:'. */
  readonly disk: Disk | undefined
}

export interface OpenOptions {
  readonly path: string
  /** Of a new file. */
  readonly pageSize: number
  readonly cacheKilobytes: number
  /** Whatever is found there is a queue, or was one. */
  readonly isOurs: boolean
  /** Whether a sound database has what it should. @throws SqliteQueueError CORRUPT */
  readonly check: (db: DatabaseSync) => void
  readonly onNotice: OnNotice
}

/** @throws SqliteQueueError (IN_USE, NOT_SUPPORTED, READ_ONLY, DISK_FULL, CORRUPT, IO) */
export function openDatabase(given: OpenOptions): Opened {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  if (given.path === ':memory:') {
    const db = new DatabaseSync(given.path)
    configure(db, given)
    return { db, disk: undefined }
  }
  try {
    const options = { ...given, path: realPathOf(given.path) }
    const place = prepare(options)
    const { path } = options
    const opened = openOnce(new DatabaseSync(path), options, place) ?? openOnce(new DatabaseSync(path), options, { ...place, isNew: true })
    if (opened !== undefined) return opened
  } catch (error) {
    throw fileError(error, given.path) ?? error
  }
  throw new SqliteQueueError('CORRUPT', `The queue file ${given.path} is damaged again, right after it was begun anew`, {
    hint: 'Look at the disk (dmesg), or replace it',
  })
}

interface Place {
  readonly folders: readonly string[]
  readonly isNew: boolean
}

function prepare({ path, isOurs, onNotice }: OpenOptions): Place {
  const folder = dirname(path)
  const folders = foldersFrom(folder, mkdirSync(folder, { recursive: true, mode: 0o700 }))
  accessSync(folder, constants.W_OK | constants.X_OK)
  if (sizeOf(path) !== undefined) accessSync(path, constants.R_OK | constants.W_OK)
  const found = findAt(path)
  if (found === 'foreign') throw notOurs(`${path} is a database of something else, not a queue`)
  if (found === 'garbage' && !isOurs) throw notOurs(`${path} is not a queue, or one so damaged that it cannot be told`)
  takeBackLog(path)
  // SQLite would silently remove the log of an empty database.
  if (!sizeOf(path) && sizeOf(`${path}-wal`)) {
    const cause = new Error('the database is empty, and its log is not')
    onNotice({ is: 'set-aside', path, kept: setAside(path), cause })
  }
  const isNew = sizeOf(path) === undefined
  if (isNew) create(path)
  return { folders, isNew }
}

function notOurs(message: string): SqliteQueueError {
  return new SqliteQueueError('NOT_SUPPORTED', `${message}: it stays as it is`, { hint: 'Choose another path, or move it away' })
}

/** The folder, and those above it down to which all was made just now. */
function foldersFrom(folder: string, firstMade: string | undefined): string[] {
  if (firstMade === undefined) return [folder]
  return folder === firstMade ? [folder, dirname(folder)] : [folder, ...foldersFrom(dirname(folder), firstMade)]
}

function create(path: string): void {
  closeSync(openSync(path, 'wx', 0o600))
}

/** Undefined when the file was damaged: then it is out of the way. */
function openOnce(db: DatabaseSync, options: OpenOptions, { folders, isNew }: Place): Opened | undefined {
  const { path, onNotice } = options
  let log: number | undefined
  try {
    configure(db, options)
    // The lock is ours: from here on nobody else writes.
    log = openSync(`${path}-wal`, 'r+')
    forgetKeptLog(path)
    checkLog(log, options)
    if (!isNew) checkDatabase(db, options)
    if ((statSync(path).mode & 0o077) !== 0) for (const part of ['', '-wal']) chmodSync(`${path}${part}`, 0o600)
    const pageSize = Number(db.prepare('PRAGMA page_size').get()?.page_size)
    const wal = createWal(log, pageSize)
    return { db, disk: { path, folders, file: openSync(path, 'r+'), log, wal, pageSize } }
  } catch (cause) {
    const reason = fileError(cause, path)
    const isDamaged = reason?.code === 'CORRUPT'
    // First: closing the database writes the log into it and removes it.
    if (isDamaged) onNotice({ is: 'set-aside', path, kept: setAside(path), cause: reason })
    if (log !== undefined) closeSync(log)
    db.close()
    if (!isDamaged) throw reason ?? cause
    create(path)
    return undefined
  }
}

function configure(db: DatabaseSync, { pageSize, cacheKilobytes }: OpenOptions): void {
  // One statement a call: the lock must be exclusive before the log is first looked at, or SQLite shares it by a -shm file.
  const pragma = (text: string) => db.prepare(`PRAGMA ${text}`).get()
  pragma(`page_size=${pageSize}`)
  pragma('locking_mode=EXCLUSIVE')
  pragma('synchronous=OFF')
  pragma('journal_mode=WAL')
  pragma('wal_autocheckpoint=0')
  db.exec(`PRAGMA cache_size=-${cacheKilobytes}; PRAGMA temp_store=MEMORY; BEGIN IMMEDIATE; COMMIT`)
}

/** A torn tail is what a cut of power leaves: SQLite ends at the last whole commit. A log whose head makes no sense is damage. */
function checkLog(log: number, { path, onNotice }: OpenOptions): void {
  const state = inspect(log)
  if (state === 'garbage') {
    const cause = new Error('the head of the log is damaged: what it held is lost, the queue is as it was when it was last emptied')
    onNotice({ is: 'set-aside', path: `${path}-wal`, kept: copyLogAside(path), cause })
  }
  // Whoever wrote this mark was killed then: it must be on disk before frames are.
  if (state === 'emptied') fdatasyncSync(log)
}

function checkDatabase(db: DatabaseSync, { path, check }: OpenOptions): void {
  const said = db.prepare('PRAGMA quick_check(1)').get()?.quick_check
  if (said !== 'ok') throw new SqliteQueueError('CORRUPT', `The queue file ${path} is damaged (${said})`)
  check(db)
}
