import fc from 'fast-check'
import t, { type Test } from 'tap'
import { partitionOf } from '../../../src/plugins/mr/hash.ts'
import { orderKeys } from '../../../src/plugins/mr/order.ts'
import { createTable } from '../../../src/plugins/mr/table.ts'
import { createWords } from '../../../src/plugins/mr/words.ts'

function ordered(words: readonly Buffer[], k: number): Buffer[][] {
  const table = createTable()
  const into = createWords(table, { ignoreCase: false })
  for (const word of words) {
    into.push(word)
    into.end()
  }
  const keys = orderKeys(table, k)
  return Array.from({ length: k }, (_, partition) =>
    Array.from(keys.of(partition), (number) => {
      const start = keys.startOf(number)
      return Buffer.from(keys.bytesOf(number).slice(start, start + keys.lengthOf(number)))
    }),
  )
}

function check(t: Test, words: readonly Buffer[], k: number): void {
  const distinct = [...new Map(words.map((word) => [word.toString('latin1'), word])).values()].sort(Buffer.compare)
  for (const [partition, keys] of ordered(words, k).entries()) {
    t.same(
      keys,
      distinct.filter((word) => partitionOf(word, 0, word.length, k) === partition),
    )
  }
}

t.test('keys that agree in their first 0 to 400 bytes come in order of bytes', async (t) => {
  for (const agree of [0, 1, 4, 5, 6, 10, 11, 12, 13, 20, 100, 318, 400]) {
    const words = Array.from({ length: 200 }, (_, i) => Buffer.from(`${'p'.repeat(agree)}${(i * 7919) % 1000}`))
    check(t, words, 1)
  }
})

t.test('keys that differ in NULs at their end only come in order of length', async (t) => {
  check(
    t,
    Array.from({ length: 60 }, (_, i) => Buffer.concat([Buffer.from('a'), Buffer.alloc((i * 37) % 60)])),
    1,
  )
  check(
    t,
    Array.from({ length: 500 }, (_, i) => Buffer.alloc(1 + ((i * 37) % 500))),
    2,
  )
})

t.test('any keys come in order of bytes, each in the partition of its hash', async (t) => {
  const byte = fc.oneof(fc.constantFrom(0, 1, 0x61, 0x62, 0x7f, 0x80, 0xff), fc.nat(255)).filter((byte) => !' \t\n\v\f\r'.includes(String.fromCharCode(byte)))
  const key = fc.oneof(fc.array(byte, { minLength: 1, maxLength: 4 }), fc.array(byte, { minLength: 1, maxLength: 30 })).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(fc.array(key, { maxLength: 300 }), fc.constantFrom(1, 2, 7, 64), (keys, k) => check(t, keys, k)),
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
