/** The keys of a table, by the numbers of their cells: where each lies, and how often it was counted. */
import { partitionOf } from './hash.ts'
import { cellBytes, cellShift, countField, countShift, field, inlineBytes, type Table } from './table.ts'

export interface Keys {
  /** Keys are numbered from 0 in the order in which they were first met. */
  readonly size: number
  /** The bytes that a key lies in, from `startOf` on. */
  bytesOf(number: number): Uint8Array
  startOf(number: number): number
  lengthOf(number: number): number
  countOf(number: number): number
}

/** Of a table that is not added to any more. */
export function keysOf({ size, cells, counts, arena }: Table): Keys {
  const inCells = new Uint8Array(cells.buffer)
  const lengthOf = (number: number) => cells[(number << cellShift) + field.length] as number
  return {
    size,
    lengthOf,
    bytesOf: (number) => (lengthOf(number) <= inlineBytes ? inCells : arena),
    startOf: (number) => (lengthOf(number) <= inlineBytes ? number * cellBytes : (cells[(number << cellShift) + field.place] as number)),
    countOf: (number) => counts[(number << countShift) + countField] as number,
  }
}

/** The numbers of the keys of each partition, in the order in which they were first met. */
export function dealKeys(keys: Keys, k: number): Uint32Array[] {
  const partitions = new Uint16Array(keys.size)
  const sizes = new Uint32Array(k)
  for (let number = 0; number < keys.size; number++) {
    const start = keys.startOf(number)
    const partition = partitionOf(keys.bytesOf(number), start, start + keys.lengthOf(number), k)
    partitions[number] = partition
    sizes[partition] = (sizes[partition] as number) + 1
  }
  const dealt = Array.from(sizes, (size) => new Uint32Array(size))
  const next = new Uint32Array(k)
  for (let number = 0; number < keys.size; number++) {
    const partition = partitions[number] as number
    const at = next[partition] as number
    ;(dealt[partition] as Uint32Array)[at] = number
    next[partition] = at + 1
  }
  return dealt
}
