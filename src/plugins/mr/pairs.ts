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
  readonly key: Uint8Array
  readonly length: number
  readonly count: number
  /** Goes to the next pair: false where more bytes are wanted, or all are read. @throws BAD_DATA */
  next(): boolean
  /** @throws BAD_DATA when it is the end and a pair is not whole */
  feed(chunk: Uint8Array | undefined): void
}

export function createPairCursor(what: string): PairCursor {
  let bytes: Uint8Array = new Uint8Array(0)
  let at = 0
  let key = new Uint8Array(64)
  let length = -1
  let count = 0
  let begun = false

  function next(): boolean {
    if (!begun && at < bytes.length) {
      if (bytes[at++] !== version) throw bad('is of another version')
      begun = true
    }
    const shared = readNumber(at)
    const rest = shared === undefined ? undefined : readNumber(after)
    if (shared === undefined || rest === undefined) return false
    const from = after
    if (shared > Math.max(length, 0) || shared + rest > maxWordBytes) throw bad('has a key of a wrong length')
    if (from + rest > bytes.length) return false
    const counted = readNumber(from + rest)
    if (counted === undefined) return false
    // Also forbids a key that is there twice, and an empty one.
    if (shared < length ? rest === 0 || (bytes[from] as number) <= (key[shared] as number) : rest === 0) throw bad('is not in order')
    if (counted === 0) throw bad('has a count of 0')
    if (shared + rest > key.length) key = grown(key, shared + rest)
    for (let i = 0; i < rest; i++) key[shared + i] = bytes[from + i] as number
    length = shared + rest
    count = counted
    at = after
    return true
  }

  /** Where the number ended that was read last. */
  let after = 0

  function readNumber(from: number): number | undefined {
    let value = 0
    let scale = 1
    for (let i = from; i < bytes.length; i++) {
      const byte = bytes[i] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value) || (byte === 0 && i > from)) throw bad('has a number that is not in its form')
        after = i + 1
        return value
      }
      if (i - from >= maxNumberBytes) throw bad('has a number that is too large')
      scale *= 128
    }
    return undefined
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

  return {
    next,
    feed,
    get key() {
      return key
    },
    get length() {
      return length
    },
    get count() {
      return count
    },
  }
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
