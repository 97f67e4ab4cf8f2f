/**
 * A table of keys and their counts, on bytes: no string is made, and no object per key. Keys lie one after another in the
 * order they were met, so that the frequent ones share few cache lines; an index of hashes leads to them.
 *
 *   cell of 32 bytes   first 12 bytes of the key, zero-padded · length · place in the arena · hash · count (a double: exact to 2^53)
 *   index of 4 bytes   high 8 bits of the hash | number of the cell + 1; open addressing, at most half full
 *   arena              keys longer than 12 bytes
 */
import { IpdcError } from '../../core/errors.ts'

/** Bytes of a key that lie in its cell. */
export const inlineBytes = 12

/** Cells, index and arena together. @default 64 MiB (bytes) */
export const tableBytes = 64 << 20

/** Layout of a cell, and of a key that waits in a batch: there `place` is where the key lies in the bytes given along. */
export const field = { word0: 0, word1: 4, word2: 8, length: 12, place: 16, hash: 20, count: 24 } as const
export const cellBytes = 32

/** Number of a cell within an entry of the index. */
const cellBits = 0xffffff
const minCells = 1 << 12
const maxFirstCells = 1 << 18
/** Bytes of text for each distinct key, in about a split of prose: to begin with the right size is cheaper than to grow. */
const textPerKey = 64

export interface TableOptions {
  /** @default 64 MiB */
  readonly limitBytes?: number
  /** Length of the text whose words will be counted. @default 0 (bytes): unknown */
  readonly textBytes?: number
}

export interface Table {
  /** Distinct keys. */
  readonly size: number
  /** Keys counted. */
  readonly total: number
  /** Counts the keys of a batch, one more each. @throws TABLE_FULL */
  addAll(batch: DataView, count: number, bytes: Uint8Array): void
  /** For reading, until the next `addAll`. */
  readonly cells: DataView
  readonly arena: Uint8Array
}

export function createTable({ limitBytes = tableBytes, textBytes = 0 }: TableOptions = {}): Table {
  let capacity = minCells
  while (capacity < maxFirstCells && capacity * textPerKey < textBytes && bytesOf(capacity * 2) <= limitBytes) capacity *= 2
  let cells = new DataView(new ArrayBuffer(capacity * cellBytes))
  let index = new DataView(new ArrayBuffer(capacity * 8))
  let arena = new Uint8Array(1 << 14)
  let size = 0
  let top = 0
  let total = 0

  /** Looking all keys of a batch up before any is compared lets the machine wait for many cache lines at once. */
  function addAll(batch: DataView, count: number, bytes: Uint8Array): void {
    const end = count * cellBytes
    const mask = capacity * 2 - 1
    for (let at = 0; at < end; at += cellBytes) batch.setInt32(at + field.count, index.getInt32((batch.getInt32(at + field.hash, true) & mask) * 4, true), true)
    for (let at = 0; at < end; at += cellBytes) {
      const cell = ((batch.getInt32(at + field.count, true) & cellBits) - 1) * cellBytes
      if (cell >= 0 && isInline(cells, cell, batch, at)) increment(cell)
      else add(batch, at, bytes)
    }
    total += count
  }

  function add(batch: DataView, at: number, bytes: Uint8Array): void {
    const hash = batch.getInt32(at + field.hash, true)
    const mask = capacity * 2 - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = index.getInt32(slot * 4, true)
      if (entry === 0) {
        insert(batch, at, bytes)
        return
      }
      const cell = ((entry & cellBits) - 1) * cellBytes
      if (((entry ^ hash) & ~cellBits) === 0 && isKey(cell, batch, at, bytes)) {
        increment(cell)
        return
      }
    }
  }

  function isKey(cell: number, batch: DataView, at: number, bytes: Uint8Array): boolean {
    if (isInline(cells, cell, batch, at)) return true
    const length = batch.getInt32(at + field.length, true)
    if (length <= inlineBytes || cells.getInt32(cell + field.length, true) !== length) return false
    const [mine, other] = [cells.getInt32(cell + field.place, true), batch.getInt32(at + field.place, true)]
    for (let i = 0; i < length; i++) if (arena[mine + i] !== bytes[other + i]) return false
    return true
  }

  function increment(cell: number): void {
    cells.setFloat64(cell + field.count, cells.getFloat64(cell + field.count, true) + 1, true)
  }

  function insert(batch: DataView, at: number, bytes: Uint8Array): void {
    const length = batch.getInt32(at + field.length, true)
    if (size === capacity) grow()
    const cell = size * cellBytes
    for (let i = 0; i < field.count; i += 4) cells.setInt32(cell + i, batch.getInt32(at + i, true), true)
    if (length > inlineBytes) {
      const place = batch.getInt32(at + field.place, true)
      if (top + length > arena.length) growArena(top + length)
      arena.set(bytes.subarray(place, place + length), top)
      cells.setInt32(cell + field.place, top, true)
      top += length
    }
    cells.setFloat64(cell + field.count, 1, true)
    enter(size++)
  }

  /** Puts a cell's number at the first free place of the index. */
  function enter(number: number): void {
    const hash = cells.getInt32(number * cellBytes + field.hash, true)
    const mask = capacity * 2 - 1
    let slot = hash & mask
    while (index.getInt32(slot * 4, true) !== 0) slot = (slot + 1) & mask
    index.setInt32(slot * 4, (hash & ~cellBits) | (number + 1), true)
  }

  function grow(): void {
    hold(capacity * 2, arena.length)
    capacity *= 2
    const old = cells
    cells = new DataView(new ArrayBuffer(capacity * cellBytes))
    new Uint8Array(cells.buffer).set(new Uint8Array(old.buffer))
    index = new DataView(new ArrayBuffer(capacity * 8))
    for (let number = 0; number < size; number++) enter(number)
  }

  function growArena(need: number): void {
    let length = arena.length
    while (length < need) length *= 2
    hold(capacity, length)
    const old = arena
    arena = new Uint8Array(length)
    arena.set(old)
  }

  function hold(capacity: number, arenaLength: number): void {
    if (bytesOf(capacity) + arenaLength <= limitBytes && capacity < cellBits) return
    throw new IpdcError('TABLE_FULL', {
      message: `More than ${size} distinct words in one split: they do not fit into a table of ${Math.floor(limitBytes / 2 ** 20)} MiB`,
      hint: 'Cut the input into smaller splits: --split 4MiB',
    })
  }

  return {
    addAll,
    get size() {
      return size
    },
    get total() {
      return total
    },
    get cells() {
      return cells
    },
    get arena() {
      return arena
    },
  }
}

function bytesOf(capacity: number): number {
  return capacity * (cellBytes + 8)
}

/** Equal keys that lie whole in their cells. */
function isInline(cells: DataView, cell: number, batch: DataView, at: number): boolean {
  const length = batch.getInt32(at + field.length, true)
  return (
    length <= inlineBytes &&
    cells.getInt32(cell, true) === batch.getInt32(at, true) &&
    cells.getInt32(cell + field.word1, true) === batch.getInt32(at + field.word1, true) &&
    cells.getInt32(cell + field.word2, true) === batch.getInt32(at + field.word2, true) &&
    cells.getInt32(cell + field.length, true) === length
  )
}
