import fc from 'fast-check'
import t from 'tap'
import { createTable } from '../../../src/plugins/mr/table.ts'
import { createWords, type WordsOptions } from '../../../src/plugins/mr/words.ts'
import { random } from '../../fakes/random.ts'
import { countsOf, entriesOf, wordsOf } from './model.ts'

function count(chunks: readonly Uint8Array[], options: Partial<WordsOptions> = {}): Map<string, number> {
  const table = createTable()
  const words = createWords(table, { ignoreCase: false, ...options })
  for (const chunk of chunks) words.push(chunk)
  words.end()
  return new Map(entriesOf(table))
}

t.test('every byte is part of a word but six', async (t) => {
  for (let byte = 0; byte < 256; byte++) {
    const text = Buffer.from([0x61, byte, 0x62, 0x20, byte, 0x20, 0x61, byte])
    t.same(count([text]), countsOf(wordsOf(text)), `byte ${byte}`)
  }
})

t.test('a word may lie across any number of chunks', async (t) => {
  const text = Buffer.from('alpha beta  alpha-alpha-alpha\nbeta gamma')
  for (let size = 1; size < text.length; size++) {
    const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.subarray(i * size, (i + 1) * size))
    t.same(count(chunks), countsOf(wordsOf(text)), `chunks of ${size}`)
  }
})

t.test('words around the window’s end are whole, at each position', async (t) => {
  const next = random(3)
  const words = Array.from({ length: 30_000 }, () => 'abcdefghijklmnopqrstuvwxyz'.slice(0, 1 + Math.floor(next() * 20)))
  const text = Buffer.from(words.join(' '))
  for (let shift = 0; shift < 8; shift++) t.same(count([Buffer.alloc(shift, ' '), text]), countsOf(wordsOf(text)), `${shift}`)
})

t.test('end() ends the word that was begun, so files do not run together', async (t) => {
  const table = createTable()
  const words = createWords(table, { ignoreCase: false })
  for (const file of ['one', 'two', '', 'one']) {
    words.push(Buffer.from(file))
    words.end()
  }
  t.equal(words.total, 3)
  t.equal(table.size, 2)
})

t.test('ignoreCase folds A to Z, and nothing else', async (t) => {
  const text = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1')
  const bytes = Buffer.from(`${[...text].join(' ')} Straße ÄRGER ärger ABCxyz`, 'latin1')
  t.same(count([bytes], { ignoreCase: true }), countsOf(wordsOf(bytes, true)))
})

t.test('a word as long as the limit is counted, one byte more is BAD_DATA, in one chunk or in many', async (t) => {
  const most = 300_000
  const word = Buffer.alloc(most, 'x')
  const longer = Buffer.alloc(most + 1, 'x')
  const cut = (bytes: Buffer) => Array.from({ length: Math.ceil(bytes.length / 1000) }, (_, i) => bytes.subarray(i * 1000, (i + 1) * 1000))
  t.same(count([word], { maxWordBytes: most }), new Map([[word.toString(), 1]]))
  t.same(count([...cut(word), Buffer.from(' y')], { maxWordBytes: most }).size, 2)
  for (const chunks of [[longer], cut(longer), [longer, Buffer.from(' ')]]) t.throws(() => count(chunks, { maxWordBytes: most }), { code: 'BAD_DATA' })
})

t.test('any bytes in any chunks are counted as the model does', async (t) => {
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('ab \n\0')))
  fc.assert(
    fc.property(fc.array(fc.array(byte, { maxLength: 40 }), { maxLength: 30 }), fc.boolean(), (chunks, ignoreCase) => {
      const bytes = chunks.map((chunk) => Uint8Array.from(chunk))
      t.strictSame(count(bytes, { ignoreCase }), countsOf(wordsOf(Buffer.concat(bytes), ignoreCase)))
    }),
    { numRuns: 300, seed: 20_240_607 },
  )
})
