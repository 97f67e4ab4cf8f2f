/**
 * Blocks in append-only segments. Small blocks are gathered, large ones are written from where they are; adders that wait for the
 * disk at the same time share one sync. A block counts as held from the moment it was put; what could not be written is forgotten
 * again and everybody who put or met it meanwhile is told.
 */
import { unlink } from 'node:fs/promises'
import { IpdcError, wrap } from '../errors.ts'
import { syncFolder } from '../record-log.ts'
import type { Codec } from './cid.ts'
import type { Index, Place } from './index.ts'
import {
  carHeader,
  closeFile,
  maxBlockBytes,
  maxHeadLength,
  readExactly,
  recordLength,
  type Segment,
  segmentOf,
  withFile,
  writeExactly,
  writeHead,
} from './segment.ts'

/** Blocks up to this size are copied into a gathered write. */
const smallBytes = 64 << 10
const gatherBytes = 256 << 10
/** Bytes that may wait to be written before `put` waits too. */
const maxWaitingBytes = 1 << 20

/** A place in the pack as a whole: everything before it was put earlier. */
export interface Position {
  readonly segment: number
  readonly offset: number
}

export interface Pack {
  readonly index: Index
  readonly segments: ReadonlyMap<number, Segment>
  /** Bytes of all segments. */
  readonly bytes: number
  readonly end: Position
  /** Up to here all is on disk. */
  readonly synced: Position
  /** How many times writing has failed. */
  readonly failures: number
  /** What `touch` marks with. Grows. */
  time: number
  /** Keeps a block; `bytes` must stay as they are until it resolves. @throws DISK_FULL, IO, TOO_LARGE */
  put(codec: Codec, digest: Uint8Array, bytes: Uint8Array): Promise<void>
  get(digest: Uint8Array): Promise<Buffer | undefined>
  /** Everything put so far is on disk. @throws when anything failed since `failures` was as given */
  sync(failures: number): Promise<void>
  /** Forgets a segment and removes its file. Its blocks must be elsewhere, or forgotten. */
  drop(segment: Segment): Promise<void>
  /** Writes a block once more, at the end, and gives its new place: the index still has the old one. For making room, so beyond the limit too. */
  copy(codec: Codec, digest: Uint8Array, bytes: Uint8Array): Promise<Place>
  /** The next block goes to a new segment. */
  roll(): void
  close(): Promise<void>
}

interface Batch {
  readonly segment: Segment
  readonly at: number
  readonly gathered: Buffer
  used: number
  readonly parts: Uint8Array[]
  bytes: number
  readonly entries: number[]
  readonly done: PromiseWithResolvers<void>
}

export interface PackOptions {
  readonly folder: string
  readonly limit: number
  readonly segmentBytes: number
  readonly index: Index
  readonly segments: Map<number, Segment>
  readonly synced: Position
}

export function createPack({ folder, limit, segmentBytes, index, segments, synced: from }: PackOptions): Pack {
  let bytes = [...segments.values()].reduce((sum, segment) => sum + segment.size, 0)
  let synced = from
  let failures = 0
  let lastError: IpdcError | undefined
  /** Set once the disk's answer can no longer be believed: nothing more is written. */
  let broken: IpdcError | undefined
  let filesChanged = false
  let active = lastOf(segments, from.segment) ?? add(from.segment + 1)
  let batch: Batch | undefined
  const waiting: Batch[] = []
  const spare: Buffer[] = []
  let writing: Promise<void> | undefined
  let syncing: Promise<void> | undefined
  let nextSync: Promise<void> | undefined

  function add(number: number): Segment {
    const segment = segmentOf(folder, number)
    segments.set(number, segment)
    filesChanged = true
    return segment
  }

  function roll(): void {
    submit()
    active = add(active.number + 1)
  }

  function room(length: number, mayExceed: boolean): Segment {
    if (broken !== undefined) throw broken
    const needed = length + (active.size === 0 ? carHeader.length : 0)
    if (bytes + needed > limit && !mayExceed) {
      throw new IpdcError('DISK_FULL', {
        message: `The store is full: ${bytes} of ${limit} bytes`,
        hint: 'Remove what no pin needs (ipdc store gc), or raise store.limit',
      })
    }
    if (active.damaged || (active.size > carHeader.length && active.size + length > segmentBytes)) roll()
    return active
  }

  function gather(segment: Segment): Batch {
    batch ??= {
      segment,
      at: segment.size,
      gathered: spare.pop() ?? Buffer.allocUnsafeSlow(gatherBytes),
      used: 0,
      parts: [],
      bytes: 0,
      entries: [],
      done: Promise.withResolvers(),
    }
    return batch
  }

  /** Bytes of ours, or a copy: they join what is gathered. */
  function copy(into: Batch, length: number, write: (target: Buffer, at: number) => void): void {
    write(into.gathered, into.used)
    into.parts.push(into.gathered.subarray(into.used, into.used + length))
    into.used += length
    grow(into, length)
  }

  function grow(into: Batch, length: number): void {
    into.bytes += length
    into.segment.size += length
    bytes += length
  }

  /** Puts a record at the end. `free` resolves when its bytes may be used again, and there is room for more. */
  function append(codec: Codec, digest: Uint8Array, block: Uint8Array, mayExceed: boolean): { place: Place; into: Batch; free: Promise<void> | undefined } {
    if (block.length > maxBlockBytes) throw new IpdcError('TOO_LARGE', { message: `A block of ${block.length} bytes (at most ${maxBlockBytes})` })
    const length = recordLength(block.length)
    const segment = room(length, mayExceed)
    const small = block.length <= smallBytes
    if (batch !== undefined && batch.used + carHeader.length + maxHeadLength + (small ? block.length : 0) > gatherBytes) submit()
    const into = gather(segment)
    if (segment.size === 0) copy(into, carHeader.length, (target, at) => target.set(carHeader, at))
    const place: Place = { segment: segment.number, offset: segment.size + length - block.length, length: block.length }
    copy(into, length - block.length, (target, at) => writeHead(codec, digest, block.length, target, at))
    if (small) {
      copy(into, block.length, (target, at) => target.set(block, at))
    } else {
      into.parts.push(block)
      grow(into, block.length)
      submit()
    }
    const crowded = waiting.reduce((sum, one) => sum + one.bytes, 0) > maxWaitingBytes
    return { place, into, free: small ? (crowded ? waiting[0]?.done.promise : undefined) : into.done.promise }
  }

  async function put(codec: Codec, digest: Uint8Array, block: Uint8Array): Promise<void> {
    const known = index.find(digest)
    if (known >= 0) return index.touch(known, api.time)
    const { place, into, free } = append(codec, digest, block, false)
    const entry = index.add(digest, place)
    index.touch(entry, api.time)
    into.entries.push(entry)
    await free
  }

  /** Hands the gathered batch to the writer. */
  function submit(): void {
    if (batch === undefined) return
    waiting.push(batch)
    // Whoever cares waits for it; a failure is kept in `lastError` for all others.
    batch.done.promise.catch(() => {})
    batch = undefined
    writing ??= write()
  }

  async function write(): Promise<void> {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      try {
        await writeExactly(next.segment, next.parts, next.at)
        next.segment.written = next.at + next.bytes
        next.segment.dirty = true
        waiting.shift()
        if (spare.length < 4) spare.push(next.gathered)
        next.done.resolve()
      } catch (error) {
        await fail(wrap(error, 'IO', `Writing to ${next.segment.path}`))
      }
    }
    writing = undefined
  }

  /** Takes back every promise that was not kept. */
  async function fail(error: IpdcError): Promise<void> {
    failures++
    lastError = error
    const lost = batch === undefined ? waiting.splice(0) : [...waiting.splice(0), batch]
    batch?.done.promise.catch(() => {})
    batch = undefined
    const cut = new Set<Segment>()
    for (const { segment, bytes: length, entries, done } of lost) {
      for (const entry of entries) index.remove(entry)
      segment.size -= length
      bytes -= length
      cut.add(segment)
      done.reject(error)
    }
    try {
      for (const segment of cut) await withFile(segment, (handle) => handle.truncate(segment.written))
    } catch (cause) {
      broken = wrap(cause, 'IO', `A failed write to ${folder} could not be taken back`, 'Restart the agent')
    }
  }

  async function flush(): Promise<void> {
    submit()
    await writing
  }

  async function commit(): Promise<void> {
    await flush()
    const upTo = end()
    const dirty = [...segments.values()].filter((segment) => segment.dirty)
    for (const segment of dirty) segment.dirty = false
    const folderToo = filesChanged
    filesChanged = false
    try {
      await Promise.all([...dirty.map((segment) => withFile(segment, (handle) => handle.datasync())), ...(folderToo ? [syncFolder(folder)] : [])])
    } catch (cause) {
      // The kernel may have dropped the pages it failed to write: what is on disk is unknown from here on.
      broken = wrap(cause, 'IO', `Syncing ${folder}`, 'Restart the agent')
      failures++
      lastError = broken
      throw broken
    }
    synced = upTo
  }

  function sync(since: number): Promise<void> {
    nextSync ??= (async () => {
      await syncing?.catch(() => {})
      syncing = nextSync
      nextSync = undefined
      await commit()
    })()
    return nextSync.then(() => {
      if (failures !== since) throw broken ?? lastError
    })
  }

  const end = (): Position => ({ segment: active.number, offset: active.size })

  const api: Pack = {
    index,
    segments,
    time: 1,
    get bytes() {
      return bytes
    },
    get end() {
      return end()
    },
    get synced() {
      return synced
    },
    get failures() {
      return failures
    },
    put,
    async get(digest) {
      let entry = index.find(digest)
      if (entry < 0) return undefined
      let place = index.place(entry)
      let segment = segments.get(place.segment)
      if (segment !== undefined && place.offset + place.length > segment.written) {
        await flush()
        entry = index.find(digest)
        if (entry < 0) return undefined
        place = index.place(entry)
        segment = segments.get(place.segment)
      }
      return segment && readExactly(segment, place.offset, place.length)
    },
    sync,
    async copy(codec, digest, block) {
      const { place, free } = append(codec, digest, block, true)
      await free
      return place
    },
    roll,
    async drop(segment) {
      segments.delete(segment.number)
      bytes -= segment.size
      segment.removed = true
      filesChanged = true
      await unlink(segment.path)
      await closeFile(segment)
    },
    async close() {
      await flush()
      for (const segment of segments.values()) await closeFile(segment)
    },
  }
  return api
}

export function isAfter(a: Position, b: Position): boolean {
  return a.segment > b.segment || (a.segment === b.segment && a.offset > b.offset)
}

/** Numbers never come again: a position in a segment that is gone stays behind all later ones. */
function lastOf(segments: ReadonlyMap<number, Segment>, atLeast: number): Segment | undefined {
  const last = Math.max(0, ...segments.keys())
  return last < atLeast ? undefined : segments.get(last)
}
