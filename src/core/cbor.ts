/**
 * The one encoding for all that is signed, journalled or hashed: strict CBOR (RFC 8949 §4.2), so that equal values are equal bytes.
 * Plain values only: null, booleans, finite numbers, strings, Uint8Array, arrays, objects.
 */
import { decode as read, encode as write } from 'cborg'
import { IpdcError } from './errors.ts'

/** Arrays and maps within each other, at most. */
export const maxDepth = 16

/** Map keys are sorted by length, then bytes; members that are `undefined` are left out. */
export function encode(value: unknown): Uint8Array {
  return write(value, { ignoreUndefinedProperties: true })
}

/** @throws BAD_DATA: not strict CBOR, duplicate keys, deeper than `maxDepth`, bytes left over */
export function decode(bytes: Uint8Array): unknown {
  let value: unknown
  try {
    value = read(bytes, { strict: true, allowIndefinite: false, allowUndefined: false, allowInfinity: false, allowNaN: false, rejectDuplicateMapKeys: true })
  } catch (cause) {
    // A depth bomb overflows the decoder's stack: a RangeError, which is no more than bad data.
    throw new IpdcError('BAD_DATA', { message: `Not strict CBOR: ${(cause as Error).message}`, cause })
  }
  if (depthOf(value) > maxDepth) throw new IpdcError('BAD_DATA', { message: `CBOR deeper than ${maxDepth}` })
  return value
}

function depthOf(value: unknown, at = 1): number {
  if (at > maxDepth || value === null || typeof value !== 'object' || value instanceof Uint8Array) return at
  let deepest = at
  for (const item of Array.isArray(value) ? value : Object.values(value)) deepest = Math.max(deepest, depthOf(item, at + 1))
  return deepest
}
