import t from 'tap'
import { withTreeNames } from '../../../src/commands/base/tree-names.ts'

const named = (...paths: string[]) => withTreeNames(paths.map((path) => ({ path, file: `/${path}` }))).map(({ path }) => path)

t.test('names that a tree takes stay as they are', (t) => {
  t.same(named('a', 'b/c d', 'b/é'), ['a', 'b/c d', 'b/é'])
  t.end()
})

t.test('odd names become plain ones, and no two files become one', (t) => {
  t.same(named('a\nb', 'a\\b', 'a_b'), ['2-a_b', '3-a_b', 'a_b'])
  t.same(named('d\n/x', 'd_/x', 'd_/\u007f'), ['2-d_/x', 'd_/x', 'd_/_'])
  t.same(named('f\n', 'f_/x'), ['2-f_', 'f_/x'], 'a file does not meet a folder')
  t.end()
})
