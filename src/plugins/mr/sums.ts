/**
 * Sums of counts by key, in bounded memory for any number of keys. They are added up in a table. When that is full, it goes as a
 * sorted run to a file in the scratch folder, and a new one is begun; at the end the runs are merged. What comes out is in order of
 * key bytes and does not depend on what went in first, nor on the size of the table.
 */
import { open, writeFile } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { firstBytes, hashRest, hashWords } from './hash.ts'
import { keysOf } from './keys.ts'
import { createLines, type Totals } from './lines.ts'
import { mergeRuns, type Run } from './merge.ts'
import { orderKeys } from './order.ts'
import { createPairCursor, encodePairs, type PairCursor } from './pairs.ts'
import { createTable, inlineBytes, type TableOptions, tableBytes, tableFull } from './table.ts'

/** Of each run in memory at once. @default 256 KiB (bytes) */
const windowBytes = 256 << 10

/** A board of 128 MB has a table of 8 MiB. The result does not depend on it. */
const defaultLimit = Math.min(tableBytes, Math.max(4 << 20, Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / 16))

export interface Sums {
  /** Adds the pair that a cursor stands at: false where the table has to be spilled first. */
  add(cursor: PairCursor): boolean
  /** Makes room. @throws TABLE_FULL where that is no help: the key alone is larger than the table */
  spill(): Promise<void>
  /** All of it, as `key TAB count LF`. Nothing is added any more. */
  lines(totals: Totals): AsyncIterable<Uint8Array>
}

export function createSums(scratch: string, { limitBytes = defaultLimit }: Pick<TableOptions, 'limitBytes'> = {}): Sums {
  let table = createTable({ limitBytes })
  const runs: string[] = []

  function add({ bytes, view, start, length, count }: PairCursor): boolean {
    const w0 = view.getInt32(start, true) & firstBytes(length)
    const w1 = view.getInt32(start + 4, true) & firstBytes(length - 4)
    const w2 = view.getInt32(start + 8, true) & firstBytes(length - 8)
    const rest = length > inlineBytes ? hashRest(bytes, start + inlineBytes, start + length) : 0
    return table.add(bytes, start, length, w0, w1, w2, hashWords(w0, w1, w2, rest), count)
  }

  async function spill(): Promise<void> {
    if (table.size === 0) throw tableFull(table, 'Is the input text? A word is larger than the memory for all of them')
    const path = join(scratch, `run-${runs.length}`)
    const keys = keysOf(table)
    await writeFile(path, encodePairs(keys, orderKeys(keys)), { mode: 0o600 })
    runs.push(path)
    table = createTable({ limitBytes })
  }

  async function* lines(totals: Totals): AsyncIterable<Uint8Array> {
    if (runs.length === 0) yield* linesOfTable(totals)
    else {
      if (table.size > 0) await spill()
      yield* mergeRuns(runs.map(readRun), totals)
    }
  }

  function* linesOfTable(totals: Totals): Iterable<Uint8Array> {
    const keys = keysOf(table)
    const lines = createLines(totals)
    for (const number of orderKeys(keys)) {
      const full = lines.add(keys.bytesOf(number), keys.startOf(number), keys.lengthOf(number), keys.countOf(number))
      if (full !== undefined) yield full
    }
    yield lines.rest()
  }

  return { add, spill, lines }
}

/** A run that was spilled, read through a window. */
function readRun(path: string): Run {
  const cursor = createPairCursor(path)
  let offset = 0
  return {
    cursor,
    async refill() {
      const file = await open(path)
      try {
        for (;;) {
          const { bytesRead, buffer } = await file.read(new Uint8Array(windowBytes), 0, windowBytes, offset)
          if (bytesRead === 0) return false
          offset += bytesRead
          cursor.feed(buffer.subarray(0, bytesRead))
          if (cursor.next()) return true
        }
      } finally {
        await file.close()
      }
    },
  }
}
