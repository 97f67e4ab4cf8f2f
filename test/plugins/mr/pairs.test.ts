import fc from 'fast-check'
import t from 'tap'
import { codeOf } from '../../../src/core/errors.ts'
import type { Keys } from '../../../src/plugins/mr/keys.ts'
import { createPairCursor, encodePairs } from '../../../src/plugins/mr/pairs.ts'

type Pair = readonly [key: string, count: number]

function encode(pairs: readonly Pair[]): Uint8Array {
  const bytes = Buffer.from(pairs.map(([key]) => key).join(''), 'latin1')
  const starts = pairs.map((_, i) => pairs.slice(0, i).reduce((sum, [key]) => sum + key.length, 0))
  const keys: Keys = {
    size: pairs.length,
    bytesOf: () => bytes,
    startOf: (number) => starts[number] ?? 0,
    lengthOf: (number) => pairs[number]?.[0].length ?? 0,
    countOf: (number) => pairs[number]?.[1] ?? 0,
  }
  return encodePairs(keys, Uint32Array.from(pairs.keys()))
}

function decode(bytes: Uint8Array, chunk = bytes.length): Pair[] {
  const cursor = createPairCursor('test')
  const pairs: Pair[] = []
  for (let at = 0; at < bytes.length; at += chunk) {
    cursor.feed(bytes.slice(at, at + chunk))
    while (cursor.next()) pairs.push([Buffer.from(cursor.bytes).toString('latin1', cursor.start, cursor.start + cursor.length), cursor.count])
  }
  cursor.feed(undefined)
  return pairs
}

const sample: Pair[] = [
  ['b', 2 ** 32],
  ['a', 1],
  ['a\0', 127],
  ['ab', 128],
  ['abc'.repeat(200), 16_384],
  ['ba', Number.MAX_SAFE_INTEGER],
  ['\xff\xff', 5],
]

t.test('what was written is read, in chunks of any length', async (t) => {
  const bytes = encode(sample)
  for (let chunk = 1; chunk <= bytes.length; chunk++) t.strictSame(decode(bytes, chunk), sample)
  t.strictSame(decode(encode([])), [])
})

t.test('a known form: it may not change within version 1', async (t) => {
  const bytes = encode([
    ['abd', 300],
    ['abc', 1],
  ])
  t.equal(Buffer.from(bytes).toString('hex'), '0103616264ac020361626301')
})

t.test('any pairs are read as they were written', async (t) => {
  const key = fc.array(fc.constantFrom('a', 'b', '\0', '\xff'), { minLength: 1, maxLength: 12 }).map((parts) => parts.join(''))
  const pairs = fc.array(fc.tuple(key, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })), { maxLength: 80 })
  fc.assert(
    fc.property(pairs, fc.integer({ min: 1, max: 50 }), (pairs, chunk) => {
      t.strictSame(decode(encode(pairs), chunk), pairs)
    }),
    { numRuns: 200, seed: 20_240_607 },
  )
})

t.test('what has not this form is BAD_DATA', async (t) => {
  const wrong: Record<string, number[]> = {
    'nothing at all': [],
    'another version': [2],
    'a pair that is cut off': [1, 3, 0x61],
    'no count': [1, 1, 0x61],
    'a count of 0': [1, 1, 0x61, 0],
    'an empty key': [1, 0, 1],
    'a line feed in a key': [1, 2, 0x61, 0x0a, 1],
    'a tab in a key': [1, 1, 0x09, 1],
    'a number in a longer form than it needs': [1, 0x81, 0, 0x61, 1],
    'a number over 2^53': [1, 1, 0x61, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    'a number without an end': [1, 1, 0x61, ...Array<number>(20).fill(0x80)],
    'a key longer than a word may be': [1, 0x81, 0x80, 0x80, 0x08],
  }
  for (const [name, bytes] of Object.entries(wrong)) t.throws(() => decode(Uint8Array.from(bytes)), { code: 'BAD_DATA' }, name)
})

t.test('no bytes whatever make it fail in another way, or take long', async (t) => {
  const good = encode(sample)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(good.length - 1), (noise, at) => {
      for (const bytes of [Uint8Array.from([1, ...noise]), Uint8Array.from([...good.slice(0, at), ...noise, ...good.slice(at + noise.length)])]) {
        try {
          decode(bytes, 7)
        } catch (error) {
          if (codeOf(error) !== 'BAD_DATA') throw error
        }
      }
    }),
    { numRuns: 1000, seed: 20_240_607 },
  )
  t.pass()
})
