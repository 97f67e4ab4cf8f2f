/**
 * What is on disk for certain. SQLite only writes; the syncs are ours, asynchronous, so that a slow card never holds the event
 * loop. After a failed fdatasync the kernel counts the pages as clean though the disk does not have them: a second one would
 * report a success that is none. So what was written is read back, checked and written again before it.
 */
import { fdatasync as fdatasyncOf, read as readOf, write as writeOf } from 'node:fs'
import { open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { SqliteQueueError } from './errors.ts'
import type { Disk } from './open.ts'
import { headerBytes, type LoggedPage } from './wal.ts'

const fdatasync = promisify(fdatasyncOf)
const read = promisify(readOf)
const write = promisify(writeOf)

export interface Syncs {
  /** Something was committed. */
  wrote(): void
  /** Whether a sync failed, and its bytes could not be brought onto the disk by writing them again either. */
  readonly hasFailed: boolean
  /** Resolves when all that is committed by now is on disk. Calls made while a sync is in flight share the next one. */
  log(): Promise<void>
  /** Resolves when the pages that a checkpoint wrote to the database are on disk. The log must still hold them. */
  database(): Promise<void>
  /** Resolves when the log on disk says that it is empty: else its old frames could come back over a newer database. */
  reset(): Promise<void>
  /** Resolves when no sync of the log is in flight. */
  landed(): Promise<void>
}

export function createSyncs(disk: Disk, onMended: (cause: unknown) => void): Syncs {
  const { wal } = disk
  let written = 0
  let synced = 0
  let isBased = false
  let isBaseFailed = false
  /** Why the last sync failed, while its bytes are not on disk in another way. */
  let logFailure: unknown
  let databaseFailure: unknown
  let flight: Promise<void> | undefined
  let next: Promise<void> | undefined

  /** Once: the names in the folder, and the first page, without which SQLite removes the log. Also those of a process that was killed. */
  const base = async () => {
    if (isBased) return
    try {
      if (isBaseFailed) await rewriteFirstPage(disk)
      await fdatasync(disk.file)
      for (const folder of disk.folders) await syncFolder(folder)
      isBased = true
      isBaseFailed = false
    } catch (error) {
      isBaseFailed = true
      throw error
    }
  }

  const logOnce = async () => {
    const now = written
    // Their pages are not clean yet, so they are still there when this sync fails.
    wal.look()
    await base().catch(base)
    try {
      if (logFailure === undefined) await fdatasync(disk.log)
    } catch (error) {
      logFailure = error
    }
    if (logFailure !== undefined) {
      await writeAll(disk.log, readBack(disk).bytes, 0)
      await fdatasync(disk.log)
      onMended(logFailure)
      logFailure = undefined
    }
    synced = now
  }

  const log = (): Promise<void> => {
    if (synced === written && isBased && logFailure === undefined && flight === undefined) return Promise.resolve()
    if (flight === undefined) {
      flight = logOnce().finally(() => {
        flight = undefined
      })
      return flight
    }
    next ??= flight
      .catch(() => {})
      .then(() => {
        next = undefined
        return log()
      })
    return next
  }

  return {
    wrote() {
      written += 1
    },
    get hasFailed() {
      return flight === undefined && (logFailure !== undefined || isBaseFailed)
    },
    log,
    async database() {
      try {
        if (databaseFailure === undefined) return await fdatasync(disk.file)
      } catch (error) {
        databaseFailure = error
      }
      const { bytes, pages } = readBack(disk)
      for (const [number, at] of new Map(pages.map((page) => [page.number, page.at]))) {
        await writeAll(disk.file, bytes.subarray(at, at + disk.pageSize), (number - 1) * disk.pageSize)
      }
      await fdatasync(disk.file)
      onMended(databaseFailure)
      databaseFailure = undefined
    },
    async reset() {
      await writeAll(disk.log, Buffer.alloc(headerBytes), 0)
      await fdatasync(disk.log)
    },
    async landed() {
      while (flight !== undefined || next !== undefined) await (next ?? flight)?.catch(() => {})
    },
  }
}

function readBack(disk: Disk): { bytes: Buffer; pages: LoggedPage[] } {
  const whole = disk.wal.read()
  if (whole !== undefined) return whole
  throw new SqliteQueueError('CORRUPT', `The disk has lost a part of what was written to ${disk.path}-wal: a sync failed, and it cannot be read back`, {
    hint: 'Replace the disk or card; what can still be read is opened at the next start',
  })
}

async function rewriteFirstPage(disk: Disk): Promise<void> {
  const page = Buffer.alloc(disk.pageSize)
  const { bytesRead } = await read(disk.file, page, 0, page.length, 0)
  await writeAll(disk.file, page.subarray(0, bytesRead), 0)
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } catch (error) {
    // File systems that know no sync of a folder say so by EINVAL.
    if (!(error instanceof Error && 'code' in error && error.code === 'EINVAL')) throw error
  } finally {
    await folder.close()
  }
}

async function writeAll(fd: number, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await write(fd, bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}
