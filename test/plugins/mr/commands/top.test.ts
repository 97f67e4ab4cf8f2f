import fc from 'fast-check'
import t from 'tap'
import { screenOf } from '../../../../src/commands/base/screen.ts'
import type { Client } from '../../../../src/core/client/client.ts'
import { picture } from '../../../../src/plugins/mr/commands/picture.ts'
import { topWords } from '../../../../src/plugins/mr/commands/top.ts'

/** A store of parts, read in pieces that end anywhere. */
function reading(texts: readonly string[], piece: number): Pick<Client, 'cat'> {
  return {
    async *cat(cid) {
      const bytes = Buffer.from(texts[Number(cid)] ?? '')
      for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece)
    },
  }
}

t.test('the top words are those of a sort of all, whatever the parts', async (t) => {
  const counts = fc.uniqueArray(fc.record({ word: fc.stringMatching(/^[a-zé\t]{1,6}$/), count: fc.integer({ min: 1, max: 20 }) }), {
    selector: ({ word }) => word,
    maxLength: 40,
  })
  await fc.assert(
    fc.asyncProperty(counts, fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 12 }), async (counted, piece, many) => {
      const lines = counted.map(({ word, count }) => `${word}\t${count}\n`)
      const texts = [0, 1, 2].map((part) => lines.filter((_, index) => index % 3 === part).join(''))
      const parts = texts.map((_, index) => ({ name: '', cid: String(index), size: 0 }))
      const top = await topWords(reading(texts, piece) as Client, parts, many)
      const sorted = [...counted].sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1)).slice(0, many)
      t.strictSame(JSON.stringify(top), JSON.stringify(sorted))
    }),
    { numRuns: 60, seed: 3 },
  )
})

t.test('bars are in proportion, and no word is a command to the terminal', (t) => {
  const { paint } = screenOf({ write: () => true }, {})
  const lines = picture(
    [
      { word: 'the', count: 1000 },
      { word: 'x\u001b[31m', count: 250 },
      { word: 'y', count: 1 },
    ],
    { paint },
  ).split('\n')
  t.same(lines, [`   the  1,000  ${'█'.repeat(40)}`, `x·[31m    250  ${'█'.repeat(10)}`, `     y      1  █`])
  t.equal(picture([], { paint }), '')
  t.end()
})
