/**
 * A table of keys and their counts, on bytes: no string is made, and no object per key. Keys lie one after another in the
 * order they were met, so that the frequent ones share few cache lines; an index of hashes leads to them.
 *
 *   cell of 32 bytes   first 12 bytes of the key, zero-padded (3 words) · length · place in the arena · hash · count (a double: exact to 2^53)
 *   index of 4 bytes   number of the cell + 1, 0 where it is free; open addressing, at most three quarters full: larger would be slower,
 *                      for it has to stay in a processor's cache
 *   arena              keys longer than 12 bytes
 *
 * The words of a key are little-endian, as is every machine that Node is built for, s390x apart.
 */
import { IpdcError } from '../../core/errors.ts'

/** Bytes of a key that lie in its cell. */
export const inlineBytes = 12
/** A cell is 8 words of four bytes, or 4 doubles: `number << shift` is where it begins in either. */
export const cellShift = 3
export const countShift = 2
export const cellBytes = 32
/** Where fields stand within a cell, in words. */
export const field = { length: 3, place: 4, hash: 5 } as const
/** In doubles. */
export const countField = 3

/** Cells, index and arena together. @default 64 MiB (bytes) */
export const tableBytes = 64 << 20

const minPlaces = 1 << 8
const maxFirstPlaces = 1 << 18
/** Order packs the number of a cell into three bytes. */
const maxCells = 1 << 24
/** Bytes of text for each distinct key, in about a split of prose: to begin with the right size is cheaper than to grow. */
const textPerKey = 64

export interface TableOptions {
  /** @default 64 MiB */
  readonly limitBytes?: number
  /** Length of the text whose words will be counted. @default unknown (bytes) */
  readonly textBytes?: number
}

/**
 * Its parts lie open, so that a loop over millions of keys can look most of them up by itself: a key whose first place in `index`
 * leads to its cell needs no call. All other keys are for `add`, which may replace every part.
 */
export interface Table {
  /** Distinct keys. */
  size: number
  index: Int32Array
  cells: Int32Array
  /** The same memory as `cells`. */
  counts: Float64Array
  arena: Uint8Array
  /** Counts the key of `length` bytes at `at`, whose first 12 bytes are the three words. False, and nothing done, where it is new and has no room. */
  add(bytes: Uint8Array, at: number, length: number, w0: number, w1: number, w2: number, hash: number, times: number): boolean
}

export function createTable({ limitBytes = tableBytes, textBytes = 0 }: TableOptions = {}): Table {
  let places = minPlaces
  while (places < maxFirstPlaces && places * textPerKey < textBytes && bytesOf(places * 2) <= limitBytes) places *= 2
  const cells = new Int32Array(cellsOf(places) << cellShift)
  const table: Table = { size: 0, index: new Int32Array(places), cells, counts: new Float64Array(cells.buffer), arena: new Uint8Array(1 << 10), add }
  /** Bytes of the arena that are taken. */
  let top = 0

  function add(bytes: Uint8Array, at: number, length: number, w0: number, w1: number, w2: number, hash: number, times: number): boolean {
    const { index, cells, counts } = table
    const mask = index.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const number = (index[slot] as number) - 1
      if (number < 0) return insert(bytes, at, length, w0, w1, w2, hash, times)
      const cell = number << cellShift
      if (cells[cell] !== w0 || cells[cell + 1] !== w1 || cells[cell + 2] !== w2 || cells[cell + field.length] !== length) continue
      if (length > inlineBytes && !isAt(cells[cell + field.place] as number, bytes, at, length)) continue
      const count = (number << countShift) + countField
      counts[count] = (counts[count] as number) + times
      return true
    }
  }

  function isAt(place: number, bytes: Uint8Array, at: number, length: number): boolean {
    const { arena } = table
    for (let i = inlineBytes; i < length; i++) if (arena[place + i] !== bytes[at + i]) return false
    return true
  }

  function insert(bytes: Uint8Array, at: number, length: number, w0: number, w1: number, w2: number, hash: number, times: number): boolean {
    if (table.size === cellsOf(places) && !grow()) return false
    if (length > inlineBytes && top + length > table.arena.length && !growArena(top + length)) return false
    const { cells } = table
    const cell = table.size << cellShift
    cells[cell] = w0
    cells[cell + 1] = w1
    cells[cell + 2] = w2
    cells[cell + field.length] = length
    cells[cell + field.hash] = hash
    if (length > inlineBytes) {
      table.arena.set(bytes.subarray(at, at + length), top)
      cells[cell + field.place] = top
      top += length
    }
    table.counts[(table.size << countShift) + countField] = times
    enter(table.size++)
    return true
  }

  /** Puts a cell's number at the first free place of the index. */
  function enter(number: number): void {
    const { index, cells } = table
    const mask = index.length - 1
    let slot = (cells[(number << cellShift) + field.hash] as number) & mask
    while (index[slot] !== 0) slot = (slot + 1) & mask
    index[slot] = number + 1
  }

  function grow(): boolean {
    if (!fits(places * 2, table.arena.length)) return false
    places *= 2
    const cells = new Int32Array(cellsOf(places) << cellShift)
    cells.set(table.cells)
    table.cells = cells
    table.counts = new Float64Array(cells.buffer)
    table.index = new Int32Array(places)
    for (let number = 0; number < table.size; number++) enter(number)
    return true
  }

  function growArena(need: number): boolean {
    let length = table.arena.length
    while (length < need) length *= 2
    if (!fits(places, length)) return false
    const arena = new Uint8Array(length)
    arena.set(table.arena)
    table.arena = arena
    return true
  }

  function fits(places: number, arenaLength: number): boolean {
    return bytesOf(places) + arenaLength <= limitBytes && cellsOf(places) <= maxCells
  }

  return table
}

/** Cells for an index of so many places. */
function cellsOf(places: number): number {
  return (places / 4) * 3
}

function bytesOf(places: number): number {
  return cellsOf(places) * cellBytes + places * 4
}

export function tableFull({ size }: Table, hint: string): IpdcError {
  return new IpdcError('TABLE_FULL', { message: `A task met more than ${size} distinct words, and its table has no room for more`, hint })
}
