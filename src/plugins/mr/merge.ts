/** Merges runs, each in order of key bytes, into lines in that order: equal keys become one, their counts a sum. */
import { createLines, type Totals } from './lines.ts'
import type { PairCursor } from './pairs.ts'

/** Pairs in order of key bytes, read piece by piece. */
export interface Run {
  readonly cursor: PairCursor
  /** Reads on until the cursor stands at the next pair: false at the end. */
  refill(): Promise<boolean>
}

/** Each run stands before its first pair. */
export async function* mergeRuns(runs: readonly Run[], totals: Totals): AsyncIterable<Uint8Array> {
  const heap: Run[] = []
  for (const run of runs) if (await run.refill()) push(heap, run)
  const lines = createLines(totals)
  for (let [top] = heap; top !== undefined; [top] = heap) {
    const { bytes, start, length } = top.cursor
    let count = 0
    for (let same: Run | undefined = top; same !== undefined && isKey(same.cursor, bytes, start, length); [same] = heap) {
      count += same.cursor.count
      // The bytes that the key lies in stay as they are: a cursor that is fed takes others.
      if (same.cursor.next() || (await same.refill())) sink(heap, same)
      else pop(heap)
    }
    const full = lines.add(bytes, start, length, count)
    if (full !== undefined) yield full
  }
  yield lines.rest()
}

// --- A binary heap by the key that each run stands at.

function push(heap: Run[], run: Run): void {
  let at = heap.length
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heap[parent]
    if (above === undefined || compare(run.cursor, above.cursor) >= 0) break
    heap[at] = above
    at = parent
  }
  heap[at] = run
}

function pop(heap: Run[]): void {
  const last = heap.pop()
  if (last !== undefined && heap.length > 0) sink(heap, last)
}

/** Puts a run in the place of the one at the top. */
function sink(heap: Run[], run: Run): void {
  let at = 0
  for (;;) {
    const child = lesser(heap, 2 * at + 1)
    const below = heap[child]
    if (below === undefined || compare(run.cursor, below.cursor) <= 0) break
    heap[at] = below
    at = child
  }
  heap[at] = run
}

/** This child, or the one beside it. */
function lesser(heap: readonly Run[], child: number): number {
  const [left, right] = [heap[child], heap[child + 1]]
  return left !== undefined && right !== undefined && compare(right.cursor, left.cursor) < 0 ? child + 1 : child
}

function compare(a: PairCursor, b: PairCursor): number {
  const both = Math.min(a.length, b.length)
  for (let i = 0; i < both; i++) {
    const difference = (a.bytes[a.start + i] as number) - (b.bytes[b.start + i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

function isKey(cursor: PairCursor, bytes: Uint8Array, start: number, length: number): boolean {
  if (cursor.length !== length) return false
  for (let i = 0; i < length; i++) if (cursor.bytes[cursor.start + i] !== bytes[start + i]) return false
  return true
}
