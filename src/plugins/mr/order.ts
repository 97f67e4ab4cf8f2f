/**
 * The keys of a table, by partition and then by key bytes. Five bytes of a key and the number of its cell make one 64-bit
 * number, so that the machine's own sort of numbers does the work; keys that agree in these bytes are sorted by the next five.
 */
import { partitionOf } from './hash.ts'
import { cellBytes, cellShift, countField, countShift, field, inlineBytes, type Table } from './table.ts'

export interface Keys {
  /** Numbers of the keys of a partition, in order of their bytes. */
  of(partition: number): Uint32Array
  /** The bytes that a key lies in, from `startOf` on. */
  bytesOf(number: number): Uint8Array
  startOf(number: number): number
  lengthOf(number: number): number
  countOf(number: number): number
}

const prefixBytes = 5
/** Fewer than this are compared pair by pair. */
const few = 12
/** Keys that agree in more bytes than this are compared whole: such are rare, and the steps below must end. */
const maxDepth = 320

export function orderKeys({ cells, counts, arena, size }: Table, k: number): Keys {
  const inCells = new Uint8Array(cells.buffer)
  const lengthOf = (number: number) => cells[(number << cellShift) + field.length] as number
  const bytesOf = (number: number) => (lengthOf(number) <= inlineBytes ? inCells : arena)
  const startOf = (number: number) => (lengthOf(number) <= inlineBytes ? number * cellBytes : (cells[(number << cellShift) + field.place] as number))

  const { numbers, starts } = deal()

  /** Deals the keys to their partitions: how many each gets, then which. */
  function deal() {
    const partitions = new Uint16Array(size)
    const starts = new Uint32Array(k + 1)
    for (let number = 0; number < size; number++) {
      const start = startOf(number)
      const partition = partitionOf(bytesOf(number), start, start + lengthOf(number), k)
      partitions[number] = partition
      starts[partition + 1] = (starts[partition + 1] as number) + 1
    }
    for (let i = 0; i < k; i++) starts[i + 1] = (starts[i + 1] as number) + (starts[i] as number)
    const next = starts.slice()
    const numbers = new Uint32Array(size)
    for (let number = 0; number < size; number++) {
      const partition = partitions[number] as number
      const at = next[partition] as number
      numbers[at] = number
      next[partition] = at + 1
    }
    return { numbers, starts }
  }

  function of(partition: number): Uint32Array {
    const own = numbers.subarray(starts[partition], starts[partition + 1])
    sort(own, 0)
    return own
  }

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
      halves[2 * i] = (byteAt(number, depth + 4) << 24) | number
      halves[2 * i + 1] = (byteAt(number, depth) << 24) | (byteAt(number, depth + 1) << 16) | (byteAt(number, depth + 2) << 8) | byteAt(number, depth + 3)
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

  /** 0 after a key's end: a key comes before those that it is the beginning of, and `compare` tells it from one that ends in NULs. */
  function byteAt(number: number, i: number): number {
    if (i < inlineBytes) return inCells[number * cellBytes + i] as number
    return i < lengthOf(number) ? (arena[startOf(number) + i] as number) : 0
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

  return { of, bytesOf, startOf, lengthOf, countOf: (number) => counts[(number << countShift) + countField] as number }
}
