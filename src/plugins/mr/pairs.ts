/**
 * The form of a partition on its way from a mapper to a reducer: pairs of key and count, in order of key bytes, each key once.
 *
 *   partition := version (1 byte, 0x01) pair*
 *   pair      := shared rest bytes[rest] count
 *
 * `shared` is how many bytes the key has in common with the key before it, `rest` how many follow. Numbers are unsigned LEB128,
 * at most 2^53 - 1, in their shortest form. Equal pairs are equal bytes.
 */
import { IpdcError } from '../../core/errors.ts'
import type { Keys } from './order.ts'
import { maxWordBytes } from './words.ts'

export const version = 1
/** The longest form of a number. */
const maxNumberBytes = 8

/** The pairs of some keys, which are in order. */
export function encodePairs(keys: Keys, numbers: Uint32Array): Uint8Array {
  let out = new Uint8Array(1024 + numbers.length * 12)
  let at = 0
  out[at++] = version
  let before: Uint8Array = out
  let [beforeStart, beforeLength] = [0, 0]
  for (const number of numbers) {
    const [bytes, start, length] = [keys.bytesOf(number), keys.startOf(number), keys.lengthOf(number)]
    let shared = 0
    while (shared < length && shared < beforeLength && bytes[start + shared] === before[beforeStart + shared]) shared++
    const need = at + length - shared + 3 * maxNumberBytes
    if (need > out.length) out = grown(out, need)
    at = writeNumber(out, at, shared)
    at = writeNumber(out, at, length - shared)
    for (let i = shared; i < length; i++) out[at++] = bytes[start + i] as number
    at = writeNumber(out, at, keys.countOf(number))
    ;[before, beforeStart, beforeLength] = [bytes, start, length]
  }
  return out.subarray(0, at)
}

/** A place in a partition: the pair it stands at. Fed with bytes from outside, believes nothing. */
export interface PairCursor {
  key: Uint8Array
  length: number
  count: number
  /** The key's first six bytes as a number, and the next six: zero-padded, so order of numbers is order of keys where they differ. */
  first: number
  second: number
  /** Goes to the next pair: false where more bytes are wanted, or all are read. @throws BAD_DATA */
  next(): boolean
  /** @throws BAD_DATA when it is the end and a pair is not whole */
  feed(chunk: Uint8Array | undefined): void
}

export function createPairCursor(what: string): PairCursor {
  const cursor: PairCursor = { key: new Uint8Array(64), length: -1, count: 0, first: 0, second: 0, next, feed }
  let bytes: Uint8Array = new Uint8Array(0)
  let at = 0
  let begun = false

  function next(): boolean {
    if (!begun && at < bytes.length) {
      if (bytes[at++] !== version) throw bad('is of another version')
      begun = true
    }
    const shared = readNumber(at)
    const rest = shared < 0 ? shared : readNumber(after)
    if (rest < 0) return false
    const from = after
    if (shared > Math.max(cursor.length, 0) || shared + rest > maxWordBytes) throw bad('has a key of a wrong length')
    if (from + rest > bytes.length) return false
    const count = readNumber(from + rest)
    if (count < 0) return false
    // Also forbids a key that is there twice, and an empty one.
    if (rest === 0 || (shared < cursor.length && (bytes[from] as number) <= (cursor.key[shared] as number))) throw bad('is not in order')
    if (count === 0) throw bad('has a count of 0')
    stand(shared, from, shared + rest)
    cursor.count = count
    at = after
    return true
  }

  function stand(shared: number, from: number, length: number): void {
    if (length > cursor.key.length) cursor.key = grown(cursor.key, length)
    const { key } = cursor
    for (let i = shared; i < length; i++) key[i] = bytes[from + i - shared] as number
    for (let i = length; i < numbered && i < cursor.length; i++) key[i] = 0
    cursor.length = length
    if (shared < numbered / 2) cursor.first = sixBytes(key, 0)
    cursor.second = sixBytes(key, numbered / 2)
  }

  /** Where the number ended that was read last. */
  let after = 0

  /** -1 where bytes are missing. */
  function readNumber(from: number): number {
    if (from >= bytes.length) return -1
    const byte = bytes[from] as number
    if (byte >= 0x80) return readLongNumber(from)
    after = from + 1
    return byte
  }

  function readLongNumber(from: number): number {
    let value = 0
    let scale = 1
    for (let i = from; i < bytes.length; i++) {
      const byte = bytes[i] as number
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
      if (at < bytes.length || !begun) throw bad('ends too early')
      return
    }
    const left = bytes.length - at
    if (left === 0) bytes = chunk
    else {
      const joined = new Uint8Array(left + chunk.length)
      joined.set(bytes.subarray(at))
      joined.set(chunk, left)
      bytes = joined
    }
    at = 0
  }

  function bad(why: string): IpdcError {
    return new IpdcError('BAD_DATA', { message: `The partition ${what} ${why}` })
  }

  return cursor
}

/** Bytes of a key that `first` and `second` hold. */
export const numbered = 12

function sixBytes(key: Uint8Array, at: number): number {
  const high = ((key[at] as number) << 16) | ((key[at + 1] as number) << 8) | (key[at + 2] as number)
  const low = ((key[at + 3] as number) << 16) | ((key[at + 4] as number) << 8) | (key[at + 5] as number)
  return high * 0x1000000 + low
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
