/** Merges partitions, each in order of key bytes, into one stream of `key TAB count LF` in that order: equal keys become one, their counts a sum. */
import { IpdcError } from '../../core/errors.ts'
import { numbered, type PairCursor } from './pairs.ts'

/** A partition that is read piece by piece. */
export interface Run {
  readonly cursor: PairCursor
  /** Reads on until the cursor stands at a pair: false at the end. */
  refill(): Promise<boolean>
}

export interface Totals {
  words: number
  distinct: number
}

const chunkBytes = 256 << 10
/** TAB, the largest count and LF. */
const tailBytes = 18
const TAB = 0x09
const LF = 0x0a

/** Each run stands at its first pair. Adds to `totals` as it goes. */
export async function* mergeLines(runs: readonly Run[], totals: Totals): AsyncIterable<Uint8Array> {
  const heap = createHeap()
  for (const run of runs) heap.push(run)

  let out = new Uint8Array(chunkBytes)
  let at = 0
  for (let top = heap.top(); top !== undefined; top = heap.top()) {
    const { key, length } = top.cursor
    if (at + length + tailBytes > out.length) {
      if (at > 0) yield out.subarray(0, at)
      out = new Uint8Array(Math.max(chunkBytes, length + tailBytes))
      at = 0
    }
    const from = at
    for (let i = 0; i < length; i++) out[at++] = key[i] as number
    let sum = 0
    for (let same: Run | undefined = top; same !== undefined; same = heap.topIfEqual(out, from, at)) {
      sum += same.cursor.count
      if (same.cursor.next() || (await same.refill())) heap.sink()
      else heap.pop()
    }
    if (!Number.isSafeInteger(sum)) throw new IpdcError('BAD_DATA', { message: 'A count is larger than 2^53 - 1' })
    totals.words += sum
    totals.distinct++
    out[at++] = TAB
    at = writeDecimal(out, at, sum)
    out[at++] = LF
  }
  if (at > 0) yield out.subarray(0, at)
}

/** A binary heap of runs by the key that each stands at. */
function createHeap() {
  const runs: Run[] = []

  function push(run: Run): void {
    let at = runs.length
    runs.push(run)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = runs[parent]
      if (above === undefined || compare(run.cursor, above.cursor) >= 0) break
      runs[at] = above
      at = parent
    }
    runs[at] = run
  }

  /** The run at the top stands at another pair now. */
  function sink(): void {
    const [run] = runs
    if (run !== undefined) sinkFromTop(run)
  }

  function pop(): void {
    const last = runs.pop()
    if (last !== undefined && runs.length > 0) sinkFromTop(last)
  }

  function sinkFromTop(run: Run): void {
    let at = 0
    for (;;) {
      const child = lesser(2 * at + 1)
      const below = runs[child]
      if (below === undefined || compare(run.cursor, below.cursor) <= 0) break
      runs[at] = below
      at = child
    }
    runs[at] = run
  }

  /** This child, or the one beside it. */
  function lesser(child: number): number {
    const [left, right] = [runs[child], runs[child + 1]]
    return left !== undefined && right !== undefined && compare(right.cursor, left.cursor) < 0 ? child + 1 : child
  }

  function topIfEqual(bytes: Uint8Array, from: number, to: number): Run | undefined {
    const run = runs[0]
    if (run === undefined || run.cursor.length !== to - from) return undefined
    const { key } = run.cursor
    for (let i = to - from - 1; i >= 0; i--) if (key[i] !== bytes[from + i]) return undefined
    return run
  }

  return { push, sink, pop, topIfEqual, top: (): Run | undefined => runs[0] }
}

/** Most keys differ, or end, within the bytes that two numbers hold. */
function compare(a: PairCursor, b: PairCursor): number {
  if (a.first !== b.first) return a.first - b.first
  if (a.second !== b.second) return a.second - b.second
  const [keyA, keyB] = [a.key, b.key]
  const both = Math.min(a.length, b.length)
  for (let i = numbered; i < both; i++) {
    const difference = (keyA[i] as number) - (keyB[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

function writeDecimal(out: Uint8Array, at: number, value: number): number {
  let digits = 1
  for (let power = 10; value >= power; power *= 10) digits++
  let rest = value
  for (let i = at + digits - 1; i >= at; i--) {
    out[i] = 0x30 + (rest % 10)
    rest = Math.floor(rest / 10)
  }
  return at + digits
}
