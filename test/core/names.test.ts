/** Names and paths from outside stay within the folder that they are joined to. */
import { join, relative } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { codeOf } from '../../src/core/errors.ts'
import { cleanName, cleanPath, maxPathDepth } from '../../src/core/names.ts'

t.test('usual names pass as they are', async (t) => {
  for (const name of ['a', 'part-00000', '.hidden', '...', 'Ünïcode ☃ \u{1f600}', ' ', '-rf', '~', 'x'.repeat(255), 'é'.repeat(127)])
    t.equal(cleanName(name), name)
})

t.test('names that mean something else than a file in this folder are refused', async (t) => {
  for (const name of ['', '.', '..', '/', 'a/b', 'a\\b', '\0', 'a\nb', '\u001b[2J', '\u007f', 'x'.repeat(256), 'é'.repeat(128), '\ud800', '\udc00x']) {
    t.throws(() => cleanName(name), { code: 'BAD_PATH' }, JSON.stringify(name.slice(0, 10)))
  }
})

t.test('a path is the names it leads through', async (t) => {
  t.same(cleanPath('a/b/c.txt'), ['a', 'b', 'c.txt'])
  t.same(cleanPath('./a//b/.'), ['a', 'b'])
  t.same(cleanPath(''), [])
  for (const path of [
    '/a',
    '..',
    'a/..',
    'a/../b',
    '../../etc/passwd',
    'a/b\\..\\..',
    Array(maxPathDepth + 1)
      .fill('a')
      .join('/'),
  ]) {
    t.throws(() => cleanPath(path), { code: 'BAD_PATH' }, path.slice(0, 20))
  }
})

t.test('whatever a path is made of, it stays below its folder', async () => {
  const pieces = fc.oneof(
    fc.constantFrom('..', '.', '', '/', '\\', '\0', 'a', '%2e%2e', '....', '..;', '\u2024\u2024'),
    fc.string({ unit: 'binary', maxLength: 6 }),
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 8 }), fc.constantFrom('/', ''), (parts, glue) => {
      let names: string[]
      try {
        names = cleanPath(parts.join(glue))
      } catch (error) {
        if (codeOf(error) === 'BAD_PATH') return
        throw error
      }
      const below = relative('/home/target', join('/home/target', ...names))
      if (below === '..' || below.startsWith('../') || below.split('/').length > Math.max(1, names.length)) throw new Error(`leads to ${below}`)
    }),
    { numRuns: 2000 },
  )
})
