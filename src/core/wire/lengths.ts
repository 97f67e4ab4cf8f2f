/**
 * mqtt-packet keeps the encoded length of every packet it has ever written, under 16,384, as a Buffer of a few bytes. Each comes out of
 * Node's pool, and holds a whole slab of it: 64 KiB for a length. An agent that sends messages of all sizes grows by it for months.
 * So the lengths are cut from one slab of our own: 64 KiB in all. To be imported before whatever loads mqtt-packet: mqtt, aedes.
 */
import { createRequire } from 'node:module'

/** Lengths that mqtt-packet keeps. */
const kept = 16_384
const bytesEach = 4

interface Numbers {
  genBufVariableByteInt(length: number): Buffer
}

const slab = Buffer.alloc(kept * bytesEach)

/** A variable byte integer (MQTT 5 §1.5.5). */
function encode(length: number): Buffer {
  const buffer = length < kept ? slab.subarray(length * bytesEach, (length + 1) * bytesEach) : Buffer.allocUnsafe(bytesEach)
  let at = 0
  for (let rest = length; at < bytesEach; ) {
    const more = rest >= 128
    buffer[at++] = (rest % 128) | (more ? 128 : 0)
    rest = Math.floor(rest / 128)
    if (!more) break
  }
  return buffer.subarray(0, at)
}

const require = createRequire(import.meta.resolve('mqtt'))
const numbers: Numbers = require('mqtt-packet/numbers')
numbers.genBufVariableByteInt = encode
