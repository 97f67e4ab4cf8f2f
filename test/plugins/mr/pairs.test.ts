import fc from 'fast-check'
import t from 'tap'
import { codeOf } from '../../../src/core/errors.ts'
import type { Keys } from '../../../src/plugins/mr/order.ts'
import { createPairCursor, encodePairs } from '../../../src/plugins/mr/pairs.ts'

type Pair = readonly [key: string, count: number]

function encode(pairs: readonly Pair[]): Uint8Array {
  const bytes = Buffer.from(pairs.map(([key]) => key).join(''), 'latin1')
  const starts = pairs.map((_, i) => pairs.slice(0, i).reduce((sum, [key]) => sum + key.length, 0))
  const keys: Keys = {
    of: () => new Uint32Array(0),
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
  const take = () => {
    while (cursor.next()) pairs.push([Buffer.from(cursor.key.subarray(0, cursor.length)).toString('latin1'), cursor.count])
  }
  for (let at = 0; at < bytes.length; at += chunk) {
    cursor.feed(bytes.slice(at, at + chunk))
    take()
  }
  cursor.feed(undefined)
  return pairs
}

const sample: Pair[] = [
  ['a', 1],
  ['a\0', 127],
  ['ab', 128],
  ['abc'.repeat(200), 16_384],
  ['b', 2 ** 32],
  ['ba', Number.MAX_SAFE_INTEGER],
  ['\xff\xff', 5],
]

t.test('what was written is read, in chunks of any length', async (t) => {
  const bytes = encode(sample)
  for (let chunk = 1; chunk <= bytes.length; chunk++) t.strictSame(decode(bytes, chunk), sample)
  t.strictSame(decode(encode([])), [])
})

t.test('a known form: it may not change within version 1', async (t) => {
  t.equal(
    Buffer.from(
      encode([
        ['abc', 1],
        ['abd', 300],
      ]),
    ).toString('hex'),
    '0100036162630102016' + '4ac02',
  )
})

t.test('any pairs are read as they were written', async (t) => {
  const key = fc.array(fc.constantFrom('a', 'b', '\0', '\xff'), { minLength: 1, maxLength: 12 }).map((parts) => parts.join(''))
  const pairs = fc.uniqueArray(fc.tuple(key, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })), { selector: ([key]) => key, maxLength: 80 })
  fc.assert(
    fc.property(pairs, fc.integer({ min: 1, max: 50 }), (unsorted, chunk) => {
      const pairs = unsorted.toSorted(([a], [b]) => (a < b ? -1 : 1))
      t.strictSame(decode(encode(pairs), chunk), pairs)
    }),
    { numRuns: 200, seed: 20_240_607 },
  )
})

t.test('what has not this form is BAD_DATA', async (t) => {
  const wrong: Record<string, number[]> = {
    'nothing at all': [],
    'another version': [2],
    'a pair that is cut off': [1, 0, 3, 0x61],
    'no count': [1, 0, 1, 0x61],
    'a count of 0': [1, 0, 1, 0x61, 0],
    'an empty key': [1, 0, 0, 1],
    'a key twice': [1, 0, 1, 0x61, 1, 1, 0, 1],
    'keys out of order': [1, 0, 1, 0x62, 1, 0, 1, 0x61, 1],
    'more in common than there was': [1, 0, 1, 0x61, 1, 2, 1, 0x61, 1],
    'a number in a longer form than it needs': [1, 0, 0x81, 0, 0x61, 1],
    'a number over 2^53': [1, 0, 1, 0x61, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    'a number without an end': [1, 0, 1, 0x61, ...Array<number>(20).fill(0x80)],
    'a key longer than a word may be': [1, 0, 0x81, 0x80, 0x80, 0x08],
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
