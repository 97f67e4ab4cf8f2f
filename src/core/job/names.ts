/** Names of tasks that are done for good, of which there may be a quarter of a million: 8 bytes of the hash of each. */
import { hash, randomBytes } from 'node:crypto'

/**
 * A set of names that only grows. Two names in a billion billion are taken for one, in one of half a billion jobs of a quarter of a
 * million tasks: the second of them is called `~2`, and may be made once more after a restart. None is answered that was not made.
 */
export interface Names {
  add(name: string): void
  has(name: string): boolean
  readonly size: number
}

/** Places at first; always a power of two. */
const fewest = 64

export function createNames(): Names {
  // Pairs of 32 bits, by open addressing; a pair of zeros is a free place.
  let table = new Uint32Array(2 * fewest)
  let size = 0
  // Names may come from what a job reads: nobody shall know beforehand which of them fall together.
  const salt = randomBytes(12).toString('base64')

  function placeOf(places: Uint32Array, high: number, low: number): number {
    const last = places.length / 2 - 1
    for (let at = low & last; ; at = (at + 1) & last) {
      const [a = 0, b = 0] = [places[2 * at], places[2 * at + 1]]
      if ((a === 0 && b === 0) || (a === high && b === low)) return 2 * at
    }
  }

  function grow(): void {
    const wider = new Uint32Array(table.length * 2)
    for (let at = 0; at < table.length; at += 2) {
      const [high = 0, low = 0] = [table[at], table[at + 1]]
      if (high === 0 && low === 0) continue
      const place = placeOf(wider, high, low)
      wider[place] = high
      wider[place + 1] = low
    }
    table = wider
  }

  function isAt(place: number): boolean {
    return table[place] !== 0 || table[place + 1] !== 0
  }

  return {
    add(name) {
      const [high, low] = pairOf(salt + name)
      const place = placeOf(table, high, low)
      if (isAt(place)) return
      table[place] = high
      table[place + 1] = low
      size++
      // At three quarters a search begins to take long.
      if (size * 8 > table.length * 3) grow()
    },
    has: (name) => size > 0 && isAt(placeOf(table, ...pairOf(salt + name))),
    get size() {
      return size
    },
  }
}

function pairOf(salted: string): [high: number, low: number] {
  const digest = hash('sha256', salted, 'buffer')
  // The free place has a pair of its own.
  return [digest.readUInt32LE(0) || 1, digest.readUInt32LE(4)]
}
