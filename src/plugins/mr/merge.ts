/** Merges partitions, each in order of key bytes, into one stream of `key TAB count LF` in that order: equal keys become one, their counts a sum. */
import { IpdcError } from '../../core/errors.ts'
import type { PairCursor } from './pairs.ts'

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
  const heap = createHeap(runs.length)
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

/** A binary heap of runs by the key that each stands at. The first six bytes of a key, as one number, decide most comparisons. */
function createHeap(capacity: number) {
  const runs: Run[] = []
  const prefixes = new Float64Array(capacity)

  function push(run: Run): void {
    const prefix = prefixOf(run.cursor)
    let at = runs.length
    runs.push(run)
    for (; at > 0; at = (at - 1) >> 1) {
      const parent = (at - 1) >> 1
      if (!isLess(prefix, run, parent)) break
      move(parent, at)
    }
    put(at, run, prefix)
  }

  /** The run at the top stands at another pair now. */
  function sink(): void {
    const run = runs[0]
    if (run !== undefined) sinkFrom(run, prefixOf(run.cursor))
  }

  function pop(): void {
    const last = runs.pop()
    if (last !== undefined && runs.length > 0) sinkFrom(last, prefixes[runs.length] as number)
  }

  function sinkFrom(run: Run, prefix: number): void {
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= runs.length) break
      const right = runs[child + 1]
      if (right !== undefined && isLess(prefixes[child + 1] as number, right, child)) child++
      if (isLess(prefix, run, child)) break
      move(child, at)
      at = child
    }
    put(at, run, prefix)
  }

  function isLess(prefix: number, run: Run, at: number): boolean {
    const other = prefixes[at] as number
    const there = runs[at]
    return prefix < other || (prefix === other && there !== undefined && compare(run.cursor, there.cursor) < 0)
  }

  function move(from: number, to: number): void {
    const run = runs[from]
    if (run !== undefined) put(to, run, prefixes[from] as number)
  }

  function put(at: number, run: Run, prefix: number): void {
    runs[at] = run
    prefixes[at] = prefix
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

function prefixOf({ key, length }: PairCursor): number {
  let prefix = 0
  for (let i = 0; i < 6; i++) prefix = prefix * 256 + (i < length ? (key[i] as number) : 0)
  return prefix
}

function compare(a: PairCursor, b: PairCursor): number {
  const [keyA, keyB] = [a.key, b.key]
  const both = Math.min(a.length, b.length)
  for (let i = 0; i < both; i++) {
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
