/**
 * The form of a partition on its way from a mapper to a reducer: pairs of key and count.
 *
 *   partition := version (1 byte, 0x01) pair*
 *   pair      := length key[length] count
 *
 * Numbers are unsigned LEB128, at most 2^53 - 1, in their shortest form. A mapper writes each key once, in the order in which the
 * keys first occur in its split: so the same split gives the same bytes, whoever maps it, and nobody sorts what a reducer adds up.
 */
import { IpdcError } from '../../core/errors.ts'
import type { Keys } from './keys.ts'
import { isSpace, maxWordBytes } from './words.ts'

export const version = 1
/** The longest form of a number. */
const maxNumberBytes = 8

/** The pairs of these keys, in this order. */
export function encodePairs(keys: Keys, numbers: Uint32Array): Uint8Array {
  let out = new Uint8Array(64 + numbers.length * 12)
  let at = 0
  out[at++] = version
  for (const number of numbers) {
    const [bytes, start, length] = [keys.bytesOf(number), keys.startOf(number), keys.lengthOf(number)]
    const need = at + length + 2 * maxNumberBytes
    if (need > out.length) out = grown(out, need)
    at = writeNumber(out, at, length)
    for (let i = 0; i < length; i++) out[at++] = bytes[start + i] as number
    at = writeNumber(out, at, keys.countOf(number))
  }
  return out.subarray(0, at)
}

/** A place in a partition: the pair it stands at, `length` bytes of `bytes` from `start` on. Fed with bytes from outside, believes nothing. */
export interface PairCursor {
  /** At least 12 more bytes follow each key. */
  bytes: Uint8Array
  /** The same bytes. */
  view: DataView
  start: number
  length: number
  count: number
  /** Goes to the next pair: false where more bytes are wanted, or all are read. @throws BAD_DATA */
  next(): boolean
  /** @throws BAD_DATA when it is the end and a pair is not whole */
  feed(chunk: Uint8Array | undefined): void
}

const slack = 12

export function createPairCursor(what: string): PairCursor {
  const empty = new Uint8Array(slack)
  const cursor: PairCursor = { bytes: empty, view: new DataView(empty.buffer), start: 0, length: 0, count: 0, next, feed }
  let at = 0
  let end = 0
  let begun = false
  /** Where the number ended that was read last. */
  let after = 0

  function next(): boolean {
    const { bytes } = cursor
    if (!begun && at < end) {
      if (bytes[at++] !== version) throw bad('is of another version')
      begun = true
    }
    const length = readNumber(at)
    if (length < 0) return false
    const start = after
    if (length === 0 || length > maxWordBytes) throw bad('has a key of a wrong length')
    if (start + length > end) return false
    const count = readNumber(start + length)
    if (count < 0) return false
    if (count === 0) throw bad('has a count of 0')
    // It would be more than one line of the result, or more than one field.
    for (let i = start; i < start + length; i++) if (isSpace[bytes[i] as number] === 1) throw bad('has white space in a key')
    cursor.start = start
    cursor.length = length
    cursor.count = count
    at = after
    return true
  }

  /** -1 where bytes are missing. */
  function readNumber(from: number): number {
    const byte = cursor.bytes[from] as number
    if (from >= end) return -1
    if (byte >= 0x80) return readLongNumber(from)
    after = from + 1
    return byte
  }

  function readLongNumber(from: number): number {
    let value = 0
    let scale = 1
    for (let i = from; i < end; i++) {
      const byte = cursor.bytes[i] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value) || byte === 0) throw bad('has a number that is not in its form')
        after = i + 1
        return value
      }
      if (i - from >= maxNumberBytes) throw bad('has a number that is too large')
      scale *= 128
    }
    return -1
  }

  function feed(chunk: Uint8Array | undefined): void {
    if (chunk === undefined) {
      if (at < end || !begun) throw bad('ends too early')
      return
    }
    const left = cursor.bytes.subarray(at, end)
    const joined = new Uint8Array(left.length + chunk.length + slack)
    joined.set(left)
    joined.set(chunk, left.length)
    cursor.bytes = joined
    cursor.view = new DataView(joined.buffer)
    at = 0
    end = left.length + chunk.length
  }

  function bad(why: string): IpdcError {
    return new IpdcError('BAD_DATA', { message: `The partition ${what} ${why}` })
  }

  return cursor
}

function writeNumber(out: Uint8Array, at: number, value: number): number {
  let rest = value
  let i = at
  while (rest >= 0x80) {
    out[i++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  out[i++] = rest
  return i
}

function grown(bytes: Uint8Array, need: number): Uint8Array<ArrayBuffer> {
  const wider = new Uint8Array(Math.max(need, bytes.length * 2))
  wider.set(bytes)
  return wider
}
