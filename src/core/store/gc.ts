/**
 * Removes what no pin reaches. Adds go on meanwhile: a block that somebody put, met again or pinned since the collection began, or
 * within an add that was under way then, stays. Bytes come back from segments that are mostly dead, by writing what lives elsewhere;
 * what is dead in others is forgotten, and may be met again after the next start.
 */
import type { Cid } from '../cids.ts'
import { cidOf, codecOf, digestOf, sha256 } from './cid.ts'
import { isMissing } from './missing.ts'
import type { Pack } from './pack.ts'
import type { Pins } from './pins.ts'
import { readExactly, readHead, recordLength, type Segment } from './segment.ts'
import { breathe } from './turn.ts'
import { linksIn } from './walk.ts'

/** A segment is written anew when less than this share of it lives. */
const keepShare = 0.5
/** Entries that are gone through between two turns of the event loop. */
const turnEntries = 4096

/** `since`: blocks touched at that time or later stay. */
export async function collect(pack: Pack, pins: Pins, since: number, signal?: AbortSignal): Promise<{ readonly freed: number }> {
  // What waits to be written is not to be removed under the writer's hands.
  await pack.sync(pack.failures)
  const marks = await mark(pack, pins, signal)
  const victims = await sweep(pack, marks, since)
  // From here on nothing is added to any of them.
  if (victims.some(({ number }) => number === pack.end.segment)) pack.roll()
  await pack.sync(pack.failures)
  const survivors = await entriesIn(pack, victims)
  let freed = 0
  for (const segment of victims) {
    signal?.throwIfAborted()
    freed += segment.size - (await moveOut(pack, segment, survivors.get(segment.number) ?? []))
    await pack.drop(segment)
  }
  // Without it, positions in segments that are gone would lie ahead of all that is there.
  await pins.reached(pack.synced)
  await pins.compact()
  return { freed }
}

/** One mark an entry of the index that a pin reaches. */
async function mark(pack: Pack, pins: Pins, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const marks = new Uint8Array(pack.index.bound)
  const todo: Cid[] = [...pins.held.values()].flatMap((roots) => [...roots.keys()])
  for (let cid = todo.pop(); cid !== undefined; cid = todo.pop()) {
    const digest = digestOf(cid)
    const entry = pack.index.find(digest)
    // Not here: a link over what lies elsewhere. Beyond the marks: put since, and so safe.
    if (entry < 0 || entry >= marks.length || marks[entry] === 1) continue
    marks[entry] = 1
    if (codecOf(cid) === 'raw') continue
    signal?.throwIfAborted()
    const bytes = await pack.get(cid).catch((error: unknown) => {
      if (!isMissing(error)) throw error
    })
    if (bytes !== undefined) todo.push(...linksOrNone(cid, bytes))
  }
  return marks
}

/** A block below a pin may have come later and be no node at all: it keeps nothing, but it must not stop collection. */
function linksOrNone(cid: Cid, bytes: Uint8Array): readonly Cid[] {
  try {
    return linksIn(cid, bytes)
  } catch {
    return []
  }
}

/** Forgets the dead, and gives the segments that hold mostly such. */
async function sweep({ index, segments }: Pack, marks: Uint8Array, since: number): Promise<Segment[]> {
  const live = new Map<number, number>()
  for (let entry = 0; entry < index.bound; entry++) {
    if (entry % turnEntries === 0) await breathe()
    if (!index.isHeld(entry)) continue
    if (marks[entry] !== 1 && index.touched(entry) < since) {
      index.remove(entry)
    } else {
      const { segment, length } = index.place(entry)
      live.set(segment, (live.get(segment) ?? 0) + recordLength(length))
    }
  }
  return [...segments.values()].filter(({ number, size, damaged }) => size > 0 && !damaged && (live.get(number) ?? 0) < size * keepShare)
}

async function entriesIn({ index }: Pack, victims: readonly Segment[]): Promise<Map<number, number[]>> {
  const entries = new Map<number, number[]>(victims.map(({ number }) => [number, []]))
  for (let entry = 0; entry < index.bound; entry++) {
    if (entry % turnEntries === 0) await breathe()
    if (index.isHeld(entry)) entries.get(index.place(entry).segment)?.push(entry)
  }
  return entries
}

/**
 * Copies what lives in a segment to the end of the pack; only when that is on disk does the index follow. Gives the bytes copied.
 * What is damaged is not carried on.
 */
async function moveOut(pack: Pack, segment: Segment, entries: readonly number[]): Promise<number> {
  const { index, failures } = pack
  const moves = []
  let copied = 0
  for (const entry of entries) {
    const digest = Uint8Array.from(index.digest(entry))
    const { segment: number, offset, length } = index.place(entry)
    // Found damaged by a reader meanwhile: the entry is free, or another block's.
    if (number !== segment.number) continue
    const record = await readExactly(segment, offset + length - recordLength(length), recordLength(length))
    const head = readHead(record, 0)
    const bytes = record.subarray(record.length - length)
    if (head === undefined || !sha256(bytes).equals(digest)) {
      if (index.find(digest) === entry) pack.damaged(entry, cidOf(head?.codec ?? 'raw', digest))
      continue
    }
    moves.push({ entry, digest, place: await pack.copy(head.codec, digest, bytes) })
    copied += record.length
  }
  if (moves.length > 0) await pack.sync(failures)
  for (const { entry, digest, place } of moves) if (index.find(digest) === entry) index.move(entry, place)
  return copied
}
