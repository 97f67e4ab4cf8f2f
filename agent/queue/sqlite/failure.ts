/** What SQLite and the file system say of a file, as the errors of this backend. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { type SqliteQueueCode, SqliteQueueError } from './errors.ts'

/** Primary result codes, https://sqlite.org/rescode.html. What is not here is a fault of the statement, not of the file. */
const results: Record<number, SqliteQueueCode> = {
  5: 'IN_USE', // SQLITE_BUSY
  8: 'READ_ONLY', // SQLITE_READONLY
  10: 'IO', // SQLITE_IOERR
  11: 'CORRUPT', // SQLITE_CORRUPT
  13: 'DISK_FULL', // SQLITE_FULL
  14: 'IO', // SQLITE_CANTOPEN
  26: 'CORRUPT', // SQLITE_NOTADB
}

/** By number: libuv has no name for a quota that is used up. */
const { ENOSPC, EDQUOT, EROFS, EACCES, EPERM } = constants.errno
const systems: Record<number, SqliteQueueCode> = {
  [ENOSPC]: 'DISK_FULL',
  [EDQUOT]: 'DISK_FULL',
  [EROFS]: 'READ_ONLY',
  [EACCES]: 'READ_ONLY',
  [EPERM]: 'READ_ONLY',
}

const words: Partial<Record<SqliteQueueCode, string>> = {
  IN_USE: 'is in use by another process, or by another queue of this one',
  DISK_FULL: 'cannot be written: the disk is full',
  READ_ONLY: 'cannot be written: it or its folder is read-only',
  CORRUPT: 'is damaged',
  IO: 'cannot be read or written',
}

/** The error about this file that `cause` stands for; undefined when it says nothing about the file. */
export function fileError(cause: unknown, path: string): SqliteQueueError | undefined {
  if (cause instanceof SqliteQueueError) return cause
  const code = codeOf(cause, path)
  if (code === undefined) return undefined
  return new SqliteQueueError(code, `The queue file ${path} ${words[code]} (${messageOf(cause)})`, { cause })
}

function codeOf(cause: unknown, path: string): SqliteQueueCode | undefined {
  if (!(cause instanceof Error) || !('code' in cause)) return undefined
  if (cause.code === 'ERR_SQLITE_ERROR' && 'errcode' in cause) {
    const primary = Number(cause.errcode) & 0xff
    // SQLite keeps errno to itself, and knows of no quotas: a small write beside the file has the reason.
    return primary === 10 || primary === 14 ? (whyNoWrite(path) ?? 'IO') : results[primary]
  }
  return 'syscall' in cause ? (systemCode(cause) ?? 'IO') : undefined
}

function whyNoWrite(path: string): SqliteQueueCode | undefined {
  const probe = `${path}-probe`
  try {
    const fd = openSync(probe, 'w', 0o600)
    try {
      writeSync(fd, Buffer.alloc(4096), 0, 4096, 0)
    } finally {
      closeSync(fd)
    }
    return undefined
  } catch (error) {
    return systemCode(error)
  } finally {
    rmSync(probe, { force: true })
  }
}

function systemCode(error: unknown): SqliteQueueCode | undefined {
  return error instanceof Error && 'errno' in error ? systems[-Number(error.errno)] : undefined
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
