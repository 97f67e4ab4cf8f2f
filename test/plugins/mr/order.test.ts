import fc from 'fast-check'
import t, { type Test } from 'tap'
import { partitionOf } from '../../../src/plugins/mr/hash.ts'
import { dealKeys, keysOf } from '../../../src/plugins/mr/keys.ts'
import { createTable, type Table } from '../../../src/plugins/mr/table.ts'
import { createWords } from '../../../src/plugins/mr/words.ts'
import { entriesOf } from './model.ts'

const anyByte = fc.oneof(fc.constantFrom(0, 1, 0x61, 0x62, 0x7f, 0x80, 0xff), fc.nat(255)).filter((byte) => !' \t\n\v\f\r'.includes(String.fromCharCode(byte)))
const anyKey = fc
  .oneof(fc.array(anyByte, { minLength: 1, maxLength: 4 }), fc.array(anyByte, { minLength: 1, maxLength: 30 }))
  .map((bytes) => Buffer.from(bytes))

function tableOf(words: readonly Buffer[]): Table {
  const table = createTable()
  const into = createWords(table, { ignoreCase: false })
  for (const word of words) {
    into.push(word)
    into.end()
  }
  return table
}

function check(t: Test, words: readonly Buffer[]): void {
  const distinct = [...new Set(words.map((word) => word.toString('latin1')))]
  // A character is a byte here.
  const ordered = distinct.toSorted((a, b) => (a < b ? -1 : 1))
  t.strictSame(
    entriesOf(tableOf(words)).map(([key]) => key),
    ordered,
  )
}

t.test('keys that agree in their first 0 to 400 bytes come in order of bytes', async (t) => {
  for (const agree of [0, 1, 4, 5, 6, 10, 11, 12, 13, 20, 100, 318, 400]) {
    const words = Array.from({ length: 200 }, (_, i) => Buffer.from(`${'p'.repeat(agree)}${(i * 7919) % 1000}`))
    check(t, words)
  }
})

t.test('keys that differ in NULs at their end only come in order of length', async (t) => {
  check(
    t,
    Array.from({ length: 60 }, (_, i) => Buffer.concat([Buffer.from('a'), Buffer.alloc((i * 37) % 60)])),
  )
  check(
    t,
    Array.from({ length: 500 }, (_, i) => Buffer.alloc(1 + ((i * 37) % 500))),
  )
})

t.test('any keys come in order of bytes', async (t) => {
  fc.assert(
    fc.property(fc.array(anyKey, { maxLength: 300 }), (keys) => check(t, keys)),
    { numRuns: 60, seed: 20_240_607 },
  )
})

t.test('keys are dealt to the partition of their hash, in the order in which they were first met', async (t) => {
  fc.assert(
    fc.property(fc.array(anyKey, { maxLength: 100 }), fc.constantFrom(1, 2, 7, 64), (words, k) => {
      const keys = keysOf(tableOf(words))
      const distinct = [...new Set(words.map((word) => word.toString('latin1')))].map((key) => Buffer.from(key, 'latin1'))
      t.strictSame(
        dealKeys(keys, k).map((numbers) => [...numbers]),
        Array.from({ length: k }, (_, partition) => [...distinct.keys()].filter((i) => partitionOf(distinct[i]!, 0, distinct[i]!.length, k) === partition)),
      )
    }),
    { numRuns: 60, seed: 20_240_607 },
  )
})

t.test('the partition of a key is fixed for ever', async (t) => {
  // FNV-1a's own test vectors; another hash here would give other result files on nodes of other versions.
  const hash = (text: string) => partitionOf(Buffer.from(text), 0, text.length, 2 ** 32)
  t.equal(hash(''), 0x811c9dc5)
  t.equal(hash('a'), 0xe40c292c)
  t.equal(hash('foobar'), 0xbf9cf968)
  t.equal(partitionOf(Buffer.from('foobar'), 0, 6, 3), 0xbf9cf968 % 3)
})
