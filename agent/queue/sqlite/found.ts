/** What lies at the path of a queue: found out before anything is changed, so that what is not ours stays as it is, byte for byte. */
import { closeSync, fstatSync, lstatSync, openSync, readSync, realpathSync, type Stats, statSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { sizeOf } from './aside.ts'
import { SqliteQueueError } from './errors.ts'
import { firstPageIn } from './wal.ts'

/** Marks a file as a queue of ours: 'bmqs'. */
export const applicationId = 0x626d7173
/** Where a database has it, https://sqlite.org/fileformat2.html#the_database_header. */
const idAt = 68

/** What a cut of power makes of a file that was just begun, at most (bytes): one page. */
const begunBytes = 65_536

/** `blank`: nothing was ever in it. `garbage`: no database, and nothing says that it was a queue. */
export type Found = 'nothing' | 'blank' | 'ours' | 'garbage' | 'foreign'

/** The file itself, behind any symlinks: SQLite keeps the log beside that one. @throws SqliteQueueError NOT_SUPPORTED: no file can be there */
export function realPathOf(path: string): string {
  const link = lstatSync(path, { throwIfNoEntry: false })
  if (link === undefined) return path
  const file = statSync(path, { throwIfNoEntry: false })
  const kind = file === undefined ? 'a symlink to nothing' : kindOf(file)
  if (kind !== undefined) throw new SqliteQueueError('NOT_SUPPORTED', `${path} is ${kind}, not a file`, { hint: 'Choose another path' })
  return link.isSymbolicLink() ? realpathSync(path) : path
}

function kindOf(file: Stats): string | undefined {
  if (file.isFile()) return undefined
  if (file.isDirectory()) return 'a directory'
  if (file.isFIFO()) return 'a named pipe'
  if (file.isSocket()) return 'a socket'
  return 'a device'
}

export function findAt(path: string): Found {
  const size = sizeOf(path)
  const log = [`${path}-wal`, `${path}-kept`].find((name) => sizeOf(name))
  // Before the log is emptied for the first time, only it says whose it is.
  const logSays = log === undefined ? undefined : idIn(log)
  if (!size) {
    if (logSays !== undefined) return logSays === applicationId ? 'ours' : 'foreign'
    return size === undefined ? 'nothing' : 'blank'
  }
  const head = headOf(path)
  if (head === undefined) {
    const start = read(path, readStart)
    if (logSays === applicationId || (start.length >= idAt + 4 && start.readUInt32BE(idAt) === applicationId)) return 'ours'
    return size <= begunBytes && isBegun(start) ? 'blank' : 'garbage'
  }
  if (head.id === applicationId || (head.id === 0 && logSays === applicationId)) return 'ours'
  return head.isBlank && logSays === undefined ? 'blank' : 'foreign'
}

/**
 * By SQLite, unlocked and without the log: a descriptor that we close would take the lock of a queue that this process has open.
 * Undefined: no database.
 */
function headOf(path: string): { id: number; isBlank: boolean } | undefined {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  const db = new DatabaseSync(url, { readOnly: true })
  try {
    const number = (name: string) => Number(db.prepare(`PRAGMA ${name}`).get()?.[name])
    const id = number('application_id')
    return { id, isBlank: id === 0 && number('user_version') === 0 && number('page_count') <= 1 && number('schema_version') === 0 }
  } catch {
    return undefined
  } finally {
    db.close()
  }
}

/** Undefined also for a page that a cut of power has torn. */
function idIn(log: string): number | undefined {
  const page = read(log, (fd) => firstPageIn(fd, idAt + 4))
  return page !== undefined && hasMagic(page) ? page.readUInt32BE(idAt) : undefined
}

function hasMagic(page: Buffer): boolean {
  return page.toString('latin1', 0, 16) === 'SQLite format 3\0'
}

function read<T>(path: string, what: (fd: number) => T): T {
  const fd = openSync(path, 'r')
  try {
    return what(fd)
  } finally {
    closeSync(fd)
  }
}

function readStart(fd: number): Buffer {
  const start = Buffer.alloc(Math.min(fstatSync(fd).size, begunBytes))
  return start.subarray(0, readSync(fd, start, 0, start.length, 0))
}

/** Zeros, or the header of a database without tables and zeros. */
function isBegun(start: Buffer): boolean {
  const isHeader = hasMagic(start) && start.readUInt32BE(idAt) === 0
  return start.subarray(isHeader ? 110 : 0).every((byte) => byte === 0)
}
