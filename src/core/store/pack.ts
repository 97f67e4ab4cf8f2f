/**
 * Blocks in append-only segments, found by digest. Adders that wait for the disk at the same time share one sync. A block counts as
 * held from the moment it was put; what could not be written is forgotten again, and everybody who put or met it meanwhile is told.
 * Disks err: what is read is hashed, what is put again is compared, and a block that does not hold is forgotten and kept anew.
 */
import { unlink } from 'node:fs/promises'
import type { Cid } from '../cids.ts'
import { IpdcError, wrap } from '../errors.ts'
import type { Log } from '../log.ts'
import { syncFolder } from '../record-log.ts'
import { type Codec, cidOf, digestOf, sha256 } from './cid.ts'
import type { Index, Place } from './index.ts'
import { carHeader, closeFile, maxBlockBytes, readExactly, recordLength, type Segment, segmentOf, withFile } from './segment.ts'
import { createWriter } from './writer.ts'

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
  /** Undefined where it is not here. @throws BAD_BLOCK: it was damaged on disk, and is not here from now on */
  get(cid: Cid): Promise<Buffer | undefined>
  /** Forgets a block whose bytes on disk do not hold. */
  damaged(entry: number, cid: Cid): void
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

export interface PackOptions {
  readonly folder: string
  readonly limit: number
  readonly segmentBytes: number
  readonly index: Index
  readonly segments: Map<number, Segment>
  readonly synced: Position
  readonly log: Log
}

export function createPack({ folder, limit, segmentBytes, index, segments, synced: from, log }: PackOptions): Pack {
  let synced = from
  let failures = 0
  let lastError: IpdcError | undefined
  /** Set once the disk's answer can no longer be believed: nothing more is written. */
  let broken: IpdcError | undefined
  let filesChanged = false
  let active = lastOf(segments, from.segment) ?? add(from.segment + 1)
  let syncing: Promise<void> | undefined
  let nextSync: Promise<void> | undefined
  const writer = createWriter({
    bytes: [...segments.values()].reduce((sum, segment) => sum + segment.size, 0),
    failed(error, entries, isBroken) {
      for (const entry of entries) index.remove(entry)
      fail(error, isBroken)
    },
  })

  function fail(error: IpdcError, isBroken: boolean): void {
    failures++
    lastError = error
    if (isBroken) broken = error
  }

  function add(number: number): Segment {
    const segment = segmentOf(folder, number)
    segments.set(number, segment)
    filesChanged = true
    return segment
  }

  function roll(): void {
    writer.submit()
    active = add(active.number + 1)
  }

  /** The segment that a block of that size goes to. */
  function segmentFor(blockBytes: number, mayExceed: boolean): Segment {
    if (broken !== undefined) throw broken
    if (blockBytes > maxBlockBytes) throw new IpdcError('TOO_LARGE', { message: `A block of ${blockBytes} bytes (at most ${maxBlockBytes})` })
    const length = recordLength(blockBytes)
    if (writer.bytes + length + carHeader.length > limit && !mayExceed) {
      throw new IpdcError('DISK_FULL', {
        message: `The store is full: ${writer.bytes} of ${limit} bytes`,
        hint: 'Remove what no pin needs (ipdc store gc), or raise store.limit',
      })
    }
    if (active.damaged || (active.size > carHeader.length && active.size + length > segmentBytes)) roll()
    return active
  }

  async function put(codec: Codec, digest: Uint8Array, block: Uint8Array): Promise<void> {
    for (let known = index.find(digest); known >= 0; known = index.find(digest)) {
      index.touch(known, api.time)
      const before = index.place(known)
      if (!isWritten(before) || (await isWhole(before, block))) return
      const entry = index.find(digest)
      // It may have been moved, or put again, meanwhile.
      if (entry >= 0 && isSame(index.place(entry), before)) damaged(entry, cidOf(codec, digest))
    }
    const { place, entries, free } = writer.append(segmentFor(block.length, false), codec, digest, block)
    const entry = index.add(digest, place)
    index.touch(entry, api.time)
    entries.push(entry)
    await free
  }

  /** Whether the disk has what is put again: cheaper than a hash, and whoever adds a file again wants it whole. */
  async function isWhole({ segment: number, offset, length }: Place, block: Uint8Array): Promise<boolean> {
    const segment = segments.get(number)
    const bytes = segment && (await readExactly(segment, offset, length).catch(() => undefined))
    return bytes?.equals(block) ?? false
  }

  async function get(cid: Cid): Promise<Buffer | undefined> {
    const digest = digestOf(cid)
    for (;;) {
      if (!isWritten(placeOf(digest))) await writer.flush()
      const place = placeOf(digest)
      const segment = place && segments.get(place.segment)
      // What failed to be written is not there after all.
      if (place === undefined || segment === undefined || !isWritten(place)) return undefined
      const bytes = await readExactly(segment, place.offset, place.length)
      if (sha256(bytes).equals(digest)) return bytes
      const entry = index.find(digest)
      const now = entry < 0 ? undefined : index.place(entry)
      // Another reader may have met the same damage, and the block may have been put again meanwhile.
      if (now === undefined || !isSame(now, place)) continue
      damaged(entry, cid)
      throw new IpdcError('BAD_BLOCK', {
        message: `Block ${cid} is damaged on the disk of this node: ${segment.path} at ${place.offset}`,
        hint: 'Add its file again, or fetch it from a node that has it',
        cid,
      })
    }
  }

  function damaged(entry: number, cid: Cid): void {
    const { segment, offset } = index.place(entry)
    index.remove(entry)
    log.error({ cid, path: segments.get(segment)?.path, offset }, 'block is damaged on disk: it counts as missing until it is put again')
  }

  function isWritten(place: Place | undefined): boolean {
    return place === undefined || place.offset + place.length <= (segments.get(place.segment)?.written ?? 0)
  }

  function placeOf(digest: Uint8Array): Place | undefined {
    const entry = index.find(digest)
    return entry < 0 ? undefined : index.place(entry)
  }

  async function commit(): Promise<void> {
    const [upTo, failuresBefore] = [end(), failures]
    await writer.flush()
    if (broken !== undefined) throw broken
    const dirty = [...segments.values()].filter((segment) => segment.dirty)
    for (const segment of dirty) segment.dirty = false
    const folderToo = filesChanged
    filesChanged = false
    try {
      await Promise.all([...dirty.map((segment) => withFile(segment, (handle) => handle.datasync())), ...(folderToo ? [syncFolder(folder)] : [])])
    } catch (cause) {
      // The kernel may have dropped the pages it failed to write: what is on disk is unknown from here on.
      const error = wrap(cause, 'IO', `Syncing ${folder}`, 'Restart the agent')
      fail(error, true)
      throw error
    }
    if (failures === failuresBefore) synced = upTo
  }

  /** All who ask while one sync runs share the next. */
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
      return writer.bytes
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
    get,
    damaged,
    sync,
    async copy(codec, digest, block) {
      const { place, free } = writer.append(segmentFor(block.length, true), codec, digest, block)
      await free
      return place
    },
    roll,
    async drop(segment) {
      segments.delete(segment.number)
      writer.bytes -= segment.size
      segment.removed = true
      filesChanged = true
      await unlink(segment.path)
      await closeFile(segment)
    },
    async close() {
      await writer.flush()
      for (const segment of segments.values()) await closeFile(segment)
    },
  }
  return api
}

function isSame(a: Place, b: Place): boolean {
  return a.segment === b.segment && a.offset === b.offset
}

export function isAfter(a: Position, b: Position): boolean {
  return a.segment > b.segment || (a.segment === b.segment && a.offset > b.offset)
}

/** Numbers never come again: a position in a segment that is gone stays behind all later ones. */
function lastOf(segments: ReadonlyMap<number, Segment>, atLeast: number): Segment | undefined {
  const last = Math.max(0, ...segments.keys())
  return last < atLeast ? undefined : segments.get(last)
}
