/**
 * A log of records on disk: `length | crc32 | CBOR`, both little-endian of 4 bytes, the checksum over length and CBOR. What was
 * appended is on disk when the promise resolves; appends of one moment share one sync. Opening cuts a torn tail, which nobody
 * was promised; damage before the end is never passed over.
 */
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { decode, encode } from './cbor.ts'
import { IpdcError, wrap } from './errors.ts'

/** Appends wait so long for others to share their sync. @default 25 (ms) */
const gatherMs = 25
/** A full disk is tried again so often. @default 1_000 (ms) */
const stuckMs = 1000
/** One record, at most. @default 131_072 (bytes) */
export const maxRecordBytes = 131_072
/** Records written in one go, at most, and so the longest tail that can be torn. @default 4 MiB */
const maxBatchBytes = 1 << 22
const headBytes = 8

export interface RecordLog {
  /**
   * `sync: false` resolves when it is written: a power cut may lose it. `now` waits for no others.
   * @throws TOO_LARGE, DISK_FULL, IO; after a failed write the log holds no half record and can go on, after a failed sync it can not
   */
  append(record: unknown, options?: { readonly sync?: boolean; readonly now?: boolean }): Promise<void>
  /** Replaces all records in one step. */
  rewrite(records: Iterable<unknown>): Promise<void>
  readonly bytes: number
  /** Writes what waits, then closes. */
  close(): Promise<void>
}

export interface OpenLogOptions {
  /** Called for each record, in order, before `openLog` resolves. */
  readonly read: (record: unknown) => void
  /**
   * Where it is given, appends wait for a full disk to have room again, and it hears of the trouble and, with undefined, of its end.
   * `now` does not wait. @default appends fail
   */
  readonly onStuck?: (error: IpdcError | undefined) => void
}

/** What is to be done to the file, in order of asking. */
type Waiting = { readonly resolve: () => void; readonly reject: (error: Error) => void } & (
  | { readonly is: 'append'; readonly bytes: Uint8Array; readonly sync: boolean; readonly now: boolean }
  | { readonly is: 'rewrite'; readonly all: Uint8Array }
)

/** Made when absent, readable by its owner only. @throws JOURNAL_DAMAGED, IO */
export async function openLog(path: string, { read, onStuck }: OpenLogOptions): Promise<RecordLog> {
  let file = await create(path)
  let bytes = await readAll(file, path, read).catch(async (error) => {
    await file.close()
    throw error
  })
  const waiting: Waiting[] = []
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()
  let isWorking = false
  let broken: IpdcError | undefined
  let isDue = false
  let isStuck = false
  let isClosed = false

  async function append(record: unknown, { sync = true, now = false }: { sync?: boolean; now?: boolean } = {}): Promise<void> {
    const bytes = frame(record)
    await new Promise<void>((resolve, reject) => ask({ is: 'append', bytes, sync, now, resolve, reject }, now))
  }

  async function rewrite(records: Iterable<unknown>): Promise<void> {
    const all = Buffer.concat(Array.from(records, frame))
    await new Promise<void>((resolve, reject) => ask({ is: 'rewrite', all, resolve, reject }, true))
  }

  function ask(what: Waiting, now: boolean): void {
    if (isClosed) {
      what.reject(new IpdcError('IO', { message: `${path} is closed` }))
      return
    }
    waiting.push(what)
    if (now) flush()
    else timer ??= setTimeout(flush, gatherMs)
  }

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    isDue = true
    if (!isWorking) writing = work()
  }

  /** One thing at a time is done to the file. What comes meanwhile waits for its own time, so that a steady flow shares syncs too. */
  async function work(): Promise<void> {
    isWorking = true
    while (isDue) {
      isDue = false
      for (let left = waiting.length; left > 0; ) {
        const batch = take()
        left -= batch.length
        await carryOut(batch)
        if (isStuck) break
      }
    }
    // In the same step as the last look at `isDue`: nobody can ask in between and be forgotten.
    isWorking = false
  }

  async function carryOut(batch: readonly Waiting[]): Promise<void> {
    try {
      if (broken !== undefined) throw broken
      const [first] = batch
      if (first?.is === 'rewrite') await replace(first.all)
      else await write(batch)
      for (const { resolve } of batch) resolve()
      stuck(undefined)
    } catch (cause) {
      const error = wrap(cause, 'IO', `${path} cannot be written`, 'Make room on the disk, or look at its health')
      const canWait = onStuck !== undefined && error.code === 'DISK_FULL' && broken === undefined && !isClosed
      const patient = canWait ? batch.filter((what) => what.is === 'append' && !what.now) : []
      for (const what of batch) if (!patient.includes(what)) what.reject(error)
      waiting.unshift(...patient)
      if (patient.length > 0) stuck(error)
    }
  }

  function stuck(error: IpdcError | undefined): void {
    const was = isStuck
    isStuck = error !== undefined
    if (isStuck) timer ??= setTimeout(flush, stuckMs)
    if (was !== isStuck) onStuck?.(error)
  }

  /** A rewrite alone, or as many appends as stand before the next. */
  function take(): Waiting[] {
    let size = 0
    let count = 0
    for (const what of waiting) {
      size += what.is === 'append' ? what.bytes.length : 0
      if (count > 0 && (what.is === 'rewrite' || size > maxBatchBytes)) break
      count++
      if (what.is === 'rewrite') break
    }
    return waiting.splice(0, count)
  }

  async function write(batch: readonly Waiting[]): Promise<void> {
    const all = Buffer.concat(batch.flatMap((what) => (what.is === 'append' ? [what.bytes] : [])))
    try {
      await writeAll(file, all, bytes)
    } catch (cause) {
      // No half record stays: what failed here was promised to nobody.
      await file.truncate(bytes).catch(spoil)
      throw cause
    }
    // After a failed sync nobody knows what is on the disk: writing on would promise too much.
    if (batch.some((what) => what.is === 'append' && what.sync)) await file.datasync().catch(spoil)
    bytes += all.length
  }

  async function replace(all: Uint8Array): Promise<void> {
    const fresh = `${path}.new`
    const next = await open(fresh, 'w+', 0o600)
    try {
      await writeAll(next, all, 0)
      await next.datasync()
      await rename(fresh, path)
    } catch (cause) {
      await next.close()
      throw cause
    }
    await file.close()
    file = next
    bytes = all.length
    await syncFolder(dirname(path))
  }

  function spoil(cause: unknown): never {
    broken = wrap(cause, 'IO', `${path} cannot be trusted any more`, 'Look at the health of the disk, then start the agent again')
    throw broken
  }

  async function close(): Promise<void> {
    if (isClosed) return
    isClosed = true
    flush()
    await writing
    await file.close()
  }

  return {
    append,
    rewrite,
    close,
    get bytes() {
      return bytes
    },
  }
}

async function create(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, 'wx+', 0o600)
    await syncFolder(dirname(path))
    return file
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EEXIST') return open(path, 'r+')
    throw wrap(error, 'IO', `${path} cannot be made`)
  }
}

/** A new name is on disk only when its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function frame(record: unknown): Uint8Array {
  const body = encode(record)
  if (body.length > maxRecordBytes) throw new IpdcError('TOO_LARGE', { message: `A record of ${body.length} bytes where at most ${maxRecordBytes} are taken` })
  const framed = Buffer.allocUnsafe(headBytes + body.length)
  framed.writeUInt32LE(body.length, 0)
  framed.set(body, headBytes)
  framed.writeUInt32LE(crc32(body, crc32(framed.subarray(0, 4))), 4)
  return framed
}

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done)
    done += bytesWritten
  }
}

/** Gives each record to `read`, cuts a torn tail, and returns the length of what is good. */
async function readAll(file: FileHandle, path: string, read: (record: unknown) => void): Promise<number> {
  const { size } = await file.stat()
  const chunk = Buffer.allocUnsafe(Math.min(size, 1 << 20))
  let rest: Buffer = Buffer.alloc(0)
  let good = 0
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
    if (bytesRead === 0) break
    at += bytesRead
    rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
    let used = 0
    for (let body = bodyAt(rest, used); body !== undefined; body = bodyAt(rest, used)) {
      read(decode(body))
      used += headBytes + body.length
    }
    good += used
    rest = rest.subarray(used)
    if (rest.length > maxBatchBytes) throw damaged(path, good)
  }
  if (rest.length === 0) return good
  // A torn tail is the last thing written: a good record behind it means that the disk, not a power cut, did the damage.
  for (let at = 1; at < rest.length; at++) if (bodyAt(rest, at) !== undefined) throw damaged(path, good)
  await file.truncate(good)
  await file.datasync()
  return good
}

/** The CBOR of the record at `at`, or undefined where no whole and good record stands. */
function bodyAt(bytes: Buffer, at: number): Buffer | undefined {
  if (at + headBytes > bytes.length) return undefined
  const length = bytes.readUInt32LE(at)
  if (length === 0 || length > maxRecordBytes || at + headBytes + length > bytes.length) return undefined
  const body = bytes.subarray(at + headBytes, at + headBytes + length)
  return crc32(body, crc32(bytes.subarray(at, at + 4))) === bytes.readUInt32LE(at + 4) ? body : undefined
}

function damaged(path: string, at: number): IpdcError {
  return new IpdcError('JOURNAL_DAMAGED', { message: `${path} holds a damaged record at byte ${at}, before its end`, hint: 'Look at the health of the disk' })
}
