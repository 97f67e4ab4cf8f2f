import t from 'tap'
import { countField, createTable } from '../../../src/plugins/mr/table.ts'
import { createWords } from '../../../src/plugins/mr/words.ts'
import { entriesOf } from './model.ts'

t.test('keeps more distinct keys than it began with room for, each with its count', async (t) => {
  const table = createTable()
  const words = createWords(table, { ignoreCase: false })
  for (let round = 0; round < 3; round++)
    for (let i = 0; i < 50_000; i += 100) words.push(Buffer.from(Array.from({ length: 100 }, (_, n) => `key-${i + n} `).join('')))
  words.end()
  t.equal(table.size, 50_000)
  t.equal(words.total, 150_000)
  t.ok(entriesOf(table).every(([, count]) => count === 3))
})

t.test('more distinct keys than the limit are TABLE_FULL with a way out, short keys and long', async (t) => {
  for (const length of [6, 60]) {
    const words = createWords(createTable({ limitBytes: 1 << 20 }), { ignoreCase: false })
    const fill = () => {
      for (let i = 0; i < 1e6; i++) words.push(Buffer.from(`${String(i).padStart(length, '0')} `))
    }
    t.throws(fill, { code: 'TABLE_FULL', hint: /--split/ })
  }
})

t.test('equal keys in plenty never fill it', async (t) => {
  const words = createWords(createTable({ limitBytes: 1 << 18 }), { ignoreCase: false })
  const chunk = Buffer.from('some words and a-rather-long-one-too '.repeat(1000))
  for (let i = 0; i < 100; i++) words.push(chunk)
  t.pass()
})

t.test('counts go on past 2^32', async (t) => {
  const table = createTable()
  const words = createWords(table, { ignoreCase: false })
  words.push(Buffer.from('word '))
  table.counts[countField] = 2 ** 40
  words.push(Buffer.from('word '))
  t.same(entriesOf(table), [['word', 2 ** 40 + 1]])
})
