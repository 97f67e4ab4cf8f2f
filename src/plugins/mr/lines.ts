/** Lines of a result, `key TAB count LF`, packed into chunks. */
import { IpdcError } from '../../core/errors.ts'

/** What was written. */
export interface Totals {
  words: number
  distinct: number
}

const chunkBytes = 256 << 10
/** Most parts of a job with many partitions are small. */
const firstChunkBytes = 4 << 10
/** TAB, the largest count and LF. */
const tailBytes = 18
const TAB = 0x09
const LF = 0x0a

export interface Lines {
  /** Gives a chunk when one is full. Chunks are given away: they are not written to any more. @throws BAD_DATA for a count over 2^53 - 1 */
  add(bytes: Uint8Array, start: number, length: number, count: number): Uint8Array | undefined
  /** What is left, at the end. */
  rest(): Uint8Array
}

export function createLines(totals: Totals): Lines {
  let out = new Uint8Array(firstChunkBytes)
  let at = 0

  function add(bytes: Uint8Array, start: number, length: number, count: number): Uint8Array | undefined {
    if (!Number.isSafeInteger(count)) throw new IpdcError('BAD_DATA', { message: 'A count is larger than 2^53 - 1' })
    const full = at + length + tailBytes > out.length ? takeOut(length + tailBytes) : undefined
    for (let i = start; i < start + length; i++) out[at++] = bytes[i] as number
    out[at++] = TAB
    at = writeDecimal(out, at, count)
    out[at++] = LF
    totals.words += count
    totals.distinct++
    return full
  }

  function takeOut(need: number): Uint8Array | undefined {
    const full = at > 0 ? out.subarray(0, at) : undefined
    out = new Uint8Array(Math.max(chunkBytes, need))
    at = 0
    return full
  }

  return { add, rest: () => out.subarray(0, at) }
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
