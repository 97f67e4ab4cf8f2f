/** Errors of this backend: each says what failed on what, why, and what to do. Recognised by `code`, never by class. */

export type SqliteQueueCode = 'NOT_SUPPORTED' | 'IN_USE' | 'DISK_FULL' | 'READ_ONLY' | 'CORRUPT' | 'CLOSED' | 'BUSY' | 'IO'

/** What to do about each, where whoever throws knows nothing better. */
const hints: Record<SqliteQueueCode, string> = {
  NOT_SUPPORTED: 'Use BullMQ on Redis or Valkey for it',
  IN_USE: 'One process owns a queue file: stop the other one, or choose another path',
  DISK_FULL: 'Make room on the disk, or raise the quota: the queue goes on by itself',
  READ_ONLY: 'Make the file and its folder writable for this user, or choose another path',
  CORRUPT: 'Open the file again: what is damaged is kept aside, and a new file begun',
  CLOSED: 'Open the file again',
  BUSY: 'Wait for operations under way before calling more',
  IO: 'Look at the disk (dmesg), then open the file again',
}

export class SqliteQueueError extends Error {
  override readonly name: string = 'SqliteQueueError'
  readonly code: SqliteQueueCode
  readonly hint: string

  constructor(code: SqliteQueueCode, message: string, more: { hint?: string; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? {} : { cause: more.cause })
    this.code = code
    this.hint = more.hint ?? hints[code]
  }
}

/** What BullMQ can do on Redis and this backend does not do. */
export class NotSupportedError extends SqliteQueueError {
  override readonly name = 'NotSupportedError'

  constructor(what: string) {
    super('NOT_SUPPORTED', `${what} is not supported by the SQLite backend`)
  }
}
