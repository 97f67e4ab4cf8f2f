/**
 * Two hashes of a key's bytes. `partitionOf` is part of the protocol: every node must give a key to the same reducer, and the
 * result files depend on it. `hashWords` is the table's own: it may change from version to version and nobody can see it.
 */

/** FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/), modulo the number of partitions. */
export function partitionOf(bytes: Uint8Array, from: number, to: number, k: number): number {
  let hash = 0x811c9dc5
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
  return (hash >>> 0) % k
}

/** Of the first 12 bytes of a key as three words, and of the rest as `hashRest` gives it (0 where there is none). */
export function hashWords(w0: number, w1: number, w2: number, rest: number): number {
  const sum = Math.imul(w0, 0x9e3779b1) ^ Math.imul(w1, 0x85ebca77) ^ Math.imul(w2, 0xc2b2ae3d) ^ rest
  const mixed = Math.imul(sum ^ (sum >>> 15), 0x2c1b3c6d)
  return mixed ^ (mixed >>> 13)
}

export function hashRest(bytes: Uint8Array, from: number, to: number): number {
  let hash = 1
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
  return hash
}

/** Ones in the first `count` bytes of a word of four. */
export function firstBytes(count: number): number {
  return count >= 4 ? -1 : count <= 0 ? 0 : (1 << (count * 8)) - 1
}
