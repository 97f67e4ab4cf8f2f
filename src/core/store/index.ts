/**
 * Where each block lies, by digest: an open-addressed table over typed arrays, outside the JavaScript heap. 48 bytes a block and
 * 6 to 11 of table, so 100,000 blocks take about 6 MB, on a 128 MB board too.
 */
import { randomInt } from 'node:crypto'

export interface Place {
  /** Number of the segment. */
  readonly segment: number
  /** Where the block's bytes start within it. */
  readonly offset: number
  readonly length: number
}

export interface Index {
  /** Blocks that it holds. */
  readonly size: number
  /** Number of the block's entry: stays the same until the block is removed; -1 where there is none. */
  find(digest: Uint8Array): number
  add(digest: Uint8Array, place: Place): number
  remove(entry: number): void
  place(entry: number): Place
  move(entry: number, place: Place): void
  digest(entry: number): Uint8Array
  /** Says that somebody counts on this block since `time`. */
  touch(entry: number, time: number): void
  touched(entry: number): number
  /** Entry numbers are below it. */
  readonly bound: number
  isHeld(entry: number): boolean
}

const nobody = 0

export function createIndex(): Index {
  // Digests can be ground by whoever makes blocks, but not for a place in them that he does not know.
  const at = randomInt(29)
  let capacity = 256
  let digests = new Uint8Array(capacity * 32)
  /** Four numbers an entry: segment (0 = the entry is free), offset, length, touched. */
  let fields = new Uint32Array(capacity * 4)
  /** Entry + 1, or 0. */
  let table = new Uint32Array(512)
  let bound = 0
  let size = 0
  const free: number[] = []

  const slotOf = (bytes: Uint8Array, from: number) =>
    (((bytes[from + at] ?? 0) | ((bytes[from + at + 1] ?? 0) << 8) | ((bytes[from + at + 2] ?? 0) << 16) | ((bytes[from + at + 3] ?? 0) << 24)) >>> 0) &
    (table.length - 1)

  const field = (entry: number, which: number) => fields[entry * 4 + which] ?? 0

  function equals(entry: number, digest: Uint8Array): boolean {
    const from = entry * 32
    for (let i = 0; i < 32; i++) if (digests[from + i] !== digest[i]) return false
    return true
  }

  function insert(entry: number): void {
    let slot = slotOf(digests, entry * 32)
    while (table[slot] !== nobody) slot = (slot + 1) & (table.length - 1)
    table[slot] = entry + 1
  }

  function grow(): void {
    if (bound === capacity) {
      capacity = Math.ceil(capacity * 1.5)
      const [moreDigests, moreFields] = [new Uint8Array(capacity * 32), new Uint32Array(capacity * 4)]
      moreDigests.set(digests)
      moreFields.set(fields)
      digests = moreDigests
      fields = moreFields
    }
    if (size * 4 >= table.length * 3) {
      table = new Uint32Array(table.length * 2)
      for (let entry = 0; entry < bound; entry++) if (field(entry, 0) !== nobody) insert(entry)
    }
  }

  function set(entry: number, { segment, offset, length }: Place): void {
    fields[entry * 4] = segment
    fields[entry * 4 + 1] = offset
    fields[entry * 4 + 2] = length
  }

  return {
    get size() {
      return size
    },
    get bound() {
      return bound
    },
    find(digest) {
      let slot = slotOf(digest, 0)
      for (let held = table[slot] ?? 0; held !== nobody; held = table[slot] ?? 0) {
        if (equals(held - 1, digest)) return held - 1
        slot = (slot + 1) & (table.length - 1)
      }
      return -1
    },
    add(digest, place) {
      const reused = free.pop()
      if (reused === undefined) grow()
      const entry = reused ?? bound++
      digests.set(digest, entry * 32)
      set(entry, place)
      fields[entry * 4 + 3] = 0
      insert(entry)
      size++
      return entry
    },
    remove(entry) {
      const mask = table.length - 1
      let slot = slotOf(digests, entry * 32)
      while (table[slot] !== entry + 1) slot = (slot + 1) & mask
      // What follows without a gap moves up, where its own place allows it: so no tombstones stay.
      let hole = slot
      for (let next = (hole + 1) & mask; table[next] !== nobody; next = (next + 1) & mask) {
        const home = slotOf(digests, ((table[next] ?? 1) - 1) * 32)
        if (((next - home) & mask) >= ((next - hole) & mask)) {
          table[hole] = table[next] ?? 0
          hole = next
        }
      }
      table[hole] = nobody
      fields[entry * 4] = nobody
      free.push(entry)
      size--
    },
    place: (entry) => ({ segment: field(entry, 0), offset: field(entry, 1), length: field(entry, 2) }),
    move: set,
    digest: (entry) => digests.subarray(entry * 32, entry * 32 + 32),
    touch(entry, time) {
      fields[entry * 4 + 3] = time
    },
    touched: (entry) => field(entry, 3),
    isHeld: (entry) => field(entry, 0) !== nobody,
  }
}
