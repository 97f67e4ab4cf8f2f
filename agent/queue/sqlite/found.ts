/** What lies at the path of a queue: found out before anything is changed, so that what is not ours stays as it is, byte for byte. */
import { closeSync, lstatSync, openSync, readSync, realpathSync, type Stats, statSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { sizeOf } from './aside.ts'
import { SqliteQueueError } from './errors.ts'
import { firstPageIn } from './wal.ts'

/** Marks a file as a queue of ours: 'bmqs'. */
export const applicationId = 0x626d7173
/** Where a database has it, https://sqlite.org/fileformat2.html#the_database_header. */
const idAt = 68

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
  const logSays = log === undefined ? undefined : idIn(log, firstPageIn)
  if (!size) {
    if (log !== undefined) return logSays === applicationId ? 'ours' : 'garbage'
    return size === undefined ? 'nothing' : 'blank'
  }
  const head = headOf(path)
  if (head === undefined) return logSays === applicationId || idIn(path, readHead) === applicationId ? 'ours' : 'garbage'
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

function idIn(path: string, pageOf: (fd: number) => Buffer | undefined): number | undefined {
  const fd = openSync(path, 'r')
  try {
    return pageOf(fd)?.readUInt32BE(idAt)
  } finally {
    closeSync(fd)
  }
}

function readHead(fd: number): Buffer | undefined {
  const head = Buffer.alloc(100)
  return readSync(fd, head, 0, head.length, 0) === head.length ? head : undefined
}
