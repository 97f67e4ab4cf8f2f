/**
 * Opening a pack: every segment is read through, head by head, and the index is made of it. What was synced before is believed.
 * What came after is hashed, and cut at the first record that does not hold: a machine that lost power may have written anything there.
 */
import { readdir, stat } from 'node:fs/promises'
import type { Log } from '../log.ts'
import { sha256 } from './cid.ts'
import type { Index } from './index.ts'
import { isAfter, type Position } from './pack.ts'
import { carHeader, maxHeadLength, readExactly, readHead, type Segment, segmentName, segmentOf, withFile } from './segment.ts'
import { breathe } from './turn.ts'

/** Records that are gone through between two turns of the event loop. */
const turnRecords = 1024

export interface Scanned {
  readonly segments: Map<number, Segment>
  /** Up to here all holds: whatever relies on more than this was never acknowledged. */
  readonly end: Position
}

export async function scan(folder: string, index: Index, synced: Position, log: Log): Promise<Scanned> {
  const segments = new Map<number, Segment>()
  let torn: Position | undefined
  for (const number of await numbersIn(folder)) {
    const path = segmentOf(folder, number).path
    const segment = segmentOf(folder, number, (await stat(path)).size)
    segments.set(number, segment)
    const believed = number < synced.segment ? Number.POSITIVE_INFINITY : number === synced.segment ? synced.offset : 0
    const good = await scanSegment(segment, index, believed)
    if (good === segment.size) continue
    if (good < believed) {
      // Not a torn tail but a damaged disk: nothing is thrown away, what can be read is kept.
      segment.damaged = true
      log.error({ path, offset: good }, 'store segment is damaged: blocks behind this offset cannot be read')
      continue
    }
    log.warn({ path, offset: good, cut: segment.size - good }, 'store segment had a torn tail')
    await withFile(segment, async (handle) => {
      await handle.truncate(good)
      await handle.sync()
    })
    segment.size = segment.written = good
    torn ??= { segment: number, offset: good }
  }
  const last = [...segments.values()].at(-1)
  const end = torn ?? { segment: last?.number ?? 0, offset: last?.size ?? 0 }
  // What was synced and is no longer there was collected.
  return { segments, end: isAfter(synced, end) ? synced : end }
}

async function numbersIn(folder: string): Promise<number[]> {
  return (await readdir(folder))
    .map((name) => Number(segmentName.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0)
    .sort((a, b) => a - b)
}

/** Indexes the records and gives the offset up to which they hold. */
async function scanSegment(segment: Segment, index: Index, believed: number): Promise<number> {
  const window = createWindow(segment)
  const start = await window.at(0, carHeader.length)
  if (start === undefined || !carHeader.equals(start)) return 0
  let offset = carHeader.length
  let count = 0
  while (offset < segment.size) {
    const bytes = await window.at(offset, Math.min(maxHeadLength, segment.size - offset))
    const head = bytes && readHead(bytes, 0)
    if (head === undefined) return offset
    const [from, end] = [offset + head.headLength, offset + head.headLength + head.blockBytes]
    if (end > segment.size) return offset
    if (end > believed && !sha256(await readExactly(segment, from, head.blockBytes)).equals(head.digest)) return offset
    const place = { segment: segment.number, offset: from, length: head.blockBytes }
    const known = index.find(head.digest)
    // A block is there twice when a collection of dead ones was cut off: the later copy stays.
    if (known < 0) index.add(head.digest, place)
    else index.move(known, place)
    offset = end
    if (++count % turnRecords === 0) await breathe()
  }
  return offset
}

/** Reads ahead as much as pays: little where blocks are large and are jumped over, more and more where they follow closely. */
function createWindow(segment: Segment) {
  let held: Buffer = Buffer.alloc(0)
  let start = 0
  let reach = 4096
  return {
    async at(offset: number, length: number): Promise<Buffer | undefined> {
      if (offset < start || offset + length > start + held.length) {
        reach = offset >= start && offset <= start + held.length + 4096 ? Math.min(reach * 2, 1 << 20) : 4096
        const size = Math.min(reach, segment.size - offset)
        if (size < length) return undefined
        held = await readExactly(segment, offset, size)
        start = offset
      }
      return held.subarray(offset - start, offset - start + length)
    },
  }
}
