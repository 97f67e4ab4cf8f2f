/**
 * Removes what no pin reaches. Adds go on meanwhile: a block that somebody put, met again or pinned since the collection began, or
 * within an add that was under way then, stays. Bytes come back from segments that are mostly dead, by writing what lives elsewhere.
 */
import type { Cid } from '../cids.ts'
import { codecOf, digestOf } from './cid.ts'
import type { Pack } from './pack.ts'
import type { Pins } from './pins.ts'
import { readExactly, readHead, recordLength, type Segment } from './segment.ts'
import { linksIn } from './walk.ts'

/** A segment is written anew when less than this share of it lives. */
const keepShare = 0.5

/** `since`: blocks touched at that time or later stay. */
export async function collect(pack: Pack, pins: Pins, since: number, signal?: AbortSignal): Promise<{ readonly freed: number }> {
  // What waits to be written is not to be removed under the writer's hands.
  await pack.sync(pack.failures)
  const marks = await mark(pack, pins, signal)
  const live = sweep(pack, marks, since)
  let freed = 0
  for (const segment of [...pack.segments.values()]) {
    signal?.throwIfAborted()
    const bytes = live.get(segment.number) ?? 0
    if (segment.damaged || segment.size === 0 || bytes >= segment.size * keepShare) continue
    if (segment.number === pack.end.segment) pack.roll()
    const copied = bytes === 0 ? 0 : await moveOut(pack, segment)
    freed += segment.size - copied
    await pack.drop(segment)
  }
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
    const bytes = await pack.get(digest)
    if (bytes !== undefined) todo.push(...linksIn(cid, bytes))
  }
  return marks
}

/** Forgets the dead, in one go so that no add comes between, and gives the bytes that live in each segment. */
function sweep({ index }: Pack, marks: Uint8Array, since: number): Map<number, number> {
  const live = new Map<number, number>()
  for (let entry = 0; entry < index.bound; entry++) {
    if (!index.isHeld(entry)) continue
    if (marks[entry] !== 1 && index.touched(entry) < since) {
      index.remove(entry)
      continue
    }
    const { segment, length } = index.place(entry)
    live.set(segment, (live.get(segment) ?? 0) + recordLength(length))
  }
  return live
}

/** Copies what lives in a segment to the end of the pack; only when that is on disk does the index follow. */
async function moveOut(pack: Pack, segment: Segment): Promise<number> {
  const { index, failures } = pack
  const moves = []
  let copied = 0
  for (let entry = 0; entry < index.bound; entry++) {
    if (!index.isHeld(entry)) continue
    const { segment: number, offset, length } = index.place(entry)
    if (number !== segment.number) continue
    const record = await readExactly(segment, offset + length - recordLength(length), recordLength(length))
    const head = readHead(record, 0)
    if (head === undefined) throw new Error(`No record at ${offset} of ${segment.path}`)
    moves.push({ entry, place: await pack.copy(head.codec, head.digest, record.subarray(head.headLength)) })
    copied += record.length
  }
  await pack.sync(failures)
  for (const { entry, place } of moves) index.move(entry, place)
  return copied
}
