/** The little of protobuf that dag-pb and UnixFS need: varints and byte fields. Numbers stay within 2^53. */
import { IpdcError } from '../errors.ts'

export type Field =
  | { readonly id: number; readonly is: 'number'; readonly number: number }
  | { readonly id: number; readonly is: 'bytes'; readonly bytes: Uint8Array }

export function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++
  return length
}

/** Writes at `at` and gives the position after it. */
export function writeVarint(value: number, into: Uint8Array, at: number): number {
  let rest = value
  let position = at
  while (rest >= 128) {
    into[position++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  into[position++] = rest
  return position
}

/** The value at `at` and the position after it; undefined where the bytes end before it does. @throws BAD_DATA over 2^53 */
export function readVarint(bytes: Uint8Array, at: number): { readonly value: number; readonly next: number } | undefined {
  let value = 0
  let scale = 1
  for (let position = at; position < bytes.length; position++) {
    const byte = bytes[position] ?? 0
    value += (byte & 127) * scale
    if (!Number.isSafeInteger(value)) throw bad('a number over 2^53')
    if (byte < 128) return { value, next: position + 1 }
    scale *= 128
  }
  return undefined
}

export function numberField(id: number, value: number): Uint8Array {
  const bytes = new Uint8Array(1 + varintLength(value))
  bytes[0] = id << 3
  writeVarint(value, bytes, 1)
  return bytes
}

export function bytesField(id: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + varintLength(value.length) + value.length)
  bytes[0] = (id << 3) | 2
  bytes.set(value, writeVarint(value.length, bytes, 1))
  return bytes
}

/** Fields in their order. Byte fields are views, not copies. @throws BAD_DATA */
export function readFields(bytes: Uint8Array): Field[] {
  const fields: Field[] = []
  let at = 0
  while (at < bytes.length) {
    const key = readVarint(bytes, at)
    const value = key && readVarint(bytes, key.next)
    if (value === undefined || key === undefined) throw bad('it ends within a field')
    const id = Math.floor(key.value / 8)
    const wire = key.value % 8
    if (wire === 0) {
      fields.push({ id, is: 'number', number: value.value })
      at = value.next
    } else if (wire === 2) {
      at = value.next + value.value
      if (at > bytes.length) throw bad('it ends within a field')
      fields.push({ id, is: 'bytes', bytes: bytes.subarray(value.next, at) })
    } else {
      throw bad(`wire type ${wire}`)
    }
  }
  return fields
}

function bad(why: string): IpdcError {
  return new IpdcError('BAD_DATA', { message: `Not protobuf as dag-pb uses it: ${why}` })
}
