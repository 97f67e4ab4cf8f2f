import { createRequire } from 'node:module'
import { PassThrough } from 'node:stream'
import t from 'tap'
import '../../../src/core/wire/lengths.ts'

const require = createRequire(import.meta.resolve('mqtt'))
const packets: { writeToStream(packet: object, stream: NodeJS.WritableStream): boolean; parser(): Parser } = require('mqtt-packet')
const { genBufVariableByteInt }: { genBufVariableByteInt(length: number): Buffer } = require('mqtt-packet/numbers')

interface Parser {
  on(event: 'packet', listener: (packet: { payload: Buffer }) => void): void
  parse(bytes: Buffer): number
}

/** MQTT 5 §1.5.5, by its own pseudo code. */
function decoded(bytes: Uint8Array): number {
  let value = 0
  let multiplier = 1
  for (const byte of bytes) {
    value += (byte & 127) * multiplier
    multiplier *= 128
  }
  return value
}

t.test('lengths are written as MQTT has them', async (t) => {
  for (const length of [0, 1, 127, 128, 300, 16_383, 16_384, 70_000, 2_097_151, 2_097_152, 268_435_455]) {
    const bytes = genBufVariableByteInt(length)
    t.equal(decoded(bytes), length)
    t.ok(bytes.every((byte, at) => byte >= 128 === at < bytes.length - 1))
  }
})

t.test('all that are kept lie in one slab', async (t) => {
  const slabs = new Set(Array.from({ length: 16_384 }, (_, length) => genBufVariableByteInt(length).buffer))
  t.equal(slabs.size, 1)
})

t.test('what is written by them is read again', async (t) => {
  for (const length of [0, 100, 5_000, 16_380, 16_384, 60_000, 120_000]) {
    const stream = new PassThrough({ highWaterMark: 1 << 20 })
    packets.writeToStream({ cmd: 'publish', topic: 'a', payload: Buffer.alloc(length, 7), qos: 0, retain: false, dup: false }, stream)
    await new Promise(setImmediate)
    const read: number[] = []
    const parser = packets.parser()
    parser.on('packet', ({ payload }) => read.push(payload.length))
    parser.parse(stream.read() as Buffer)
    t.same(read, [length])
  }
})
