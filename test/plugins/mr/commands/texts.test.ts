import { symlink } from 'node:fs/promises'
import t from 'tap'
import { samplePath } from '../../../../src/core/client/package.ts'
import { findTexts } from '../../../../src/plugins/mr/commands/texts.ts'

t.test('in a checkout the texts are those of its packages', async (t) => {
  const root = t.testdir({
    'README.md': 'not of a package',
    node_modules: { a: { 'README.md': '12345', 'index.js': '' }, b: { docs: { 'x.TXT': '123' } }, '.cache': { 'y.md': '' } },
  })
  await symlink(`${root}/node_modules/a`, `${root}/node_modules/linked`)
  const { files, bytes, from } = await findTexts(root)
  t.same(files, [
    { path: 'a/README.md', file: `${root}/node_modules/a/README.md` },
    { path: 'b/docs/x.TXT', file: `${root}/node_modules/b/docs/x.TXT` },
  ])
  t.equal(bytes, 8)
  t.equal(from, `${root}/node_modules`)
})

t.test('where ipdc is a dependency they are those of the packages around it', async (t) => {
  const root = t.testdir({ node_modules: { a: { 'README.md': 'x' }, ipdc: { 'README.md': 'y' } } })
  t.same(
    (await findTexts(`${root}/node_modules/ipdc`)).files.map(({ path }) => path),
    ['a/README.md', 'ipdc/README.md'],
  )
})

t.test('where there is none it is the text that comes with ipdc', async (t) => {
  for (const root of [t.testdir({}), t.testdir({ node_modules: { a: { 'index.js': '' } } })]) {
    t.match(await findTexts(root), { files: [{ path: 'book.txt', file: samplePath() }], from: samplePath() })
  }
})
