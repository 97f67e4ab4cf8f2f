/**
 * Keys in order of their bytes. Five bytes of a key and its number make one 64-bit number, so that the machine's own sort of
 * numbers does the work; keys that agree in these bytes are sorted by the next five.
 */
import type { Keys } from './keys.ts'

const prefixBytes = 5
/** Fewer than this are compared pair by pair. */
const few = 12
/** Keys that agree in more bytes than this are compared whole: such are rare, and the steps below must end. */
const maxDepth = 320

/** The numbers of all keys. */
export function orderKeys(keys: Keys): Uint32Array {
  const { bytesOf, startOf, lengthOf } = keys
  const numbers = Uint32Array.from({ length: keys.size }, (_, number) => number)
  sort(numbers, 0)
  return numbers

  /** Sorts keys that agree in their first `depth` bytes. */
  function sort(own: Uint32Array, depth: number): void {
    if (own.length < few) sortByPairs(own, depth)
    else if (depth > maxDepth) own.set(Array.from(own).sort((a, b) => compare(a, b, depth)))
    else sortByPrefix(own, depth)
  }

  function sortByPrefix(own: Uint32Array, depth: number): void {
    const packed = new BigUint64Array(own.length)
    const halves = new Uint32Array(packed.buffer)
    for (let i = 0; i < own.length; i++) {
      const number = own[i] as number
      const [bytes, start, length] = [bytesOf(number), startOf(number) + depth, lengthOf(number) - depth]
      halves[2 * i] = (byteAt(bytes, start, 4, length) << 24) | number
      halves[2 * i + 1] =
        (byteAt(bytes, start, 0, length) << 24) |
        (byteAt(bytes, start, 1, length) << 16) |
        (byteAt(bytes, start, 2, length) << 8) |
        byteAt(bytes, start, 3, length)
    }
    packed.sort()
    for (let i = 0; i < own.length; i++) own[i] = (halves[2 * i] as number) & 0xffffff

    let start = 0
    for (let i = 1; i <= own.length; i++) {
      if (i < own.length && halves[2 * i + 1] === halves[2 * start + 1] && (halves[2 * i] as number) >>> 24 === (halves[2 * start] as number) >>> 24) continue
      if (i - start > 1) sort(own.subarray(start, i), depth + prefixBytes)
      start = i
    }
  }

  function sortByPairs(own: Uint32Array, depth: number): void {
    for (let i = 1; i < own.length; i++) {
      const number = own[i] as number
      let at = i
      for (; at > 0 && compare(own[at - 1] as number, number, depth) > 0; at--) own[at] = own[at - 1] as number
      own[at] = number
    }
  }

  function compare(a: number, b: number, depth: number): number {
    const [startA, startB, lengthA, lengthB] = [startOf(a), startOf(b), lengthOf(a), lengthOf(b)]
    const [bytesA, bytesB] = [bytesOf(a), bytesOf(b)]
    for (let i = depth; i < lengthA && i < lengthB; i++) {
      const difference = (bytesA[startA + i] as number) - (bytesB[startB + i] as number)
      if (difference !== 0) return difference
    }
    return lengthA - lengthB
  }
}

/** 0 after a key's end: a key comes before those that it is the beginning of, and `compare` tells it from one that ends in NULs. */
function byteAt(bytes: Uint8Array, start: number, i: number, length: number): number {
  return i < length ? (bytes[start + i] as number) : 0
}
