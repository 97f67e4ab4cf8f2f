import t from 'tap'
import { editsBetween, nearest } from '../../../src/commands/base/nearest.ts'

t.test('a slip of the finger is one edit: a letter too many, too few, wrong, or two swapped', (t) => {
  t.equal(editsBetween('book', 'book'), 0)
  for (const slip of ['boook', 'bok', 'bool', 'boko']) t.equal(editsBetween(slip, 'book'), 1, slip)
  t.equal(editsBetween('', 'book'), 4)
  t.end()
})

t.test('the nearest name is named, whatever its case', (t) => {
  t.equal(nearest('wordcout', ['grep', 'wordcount', 'sort']), 'wordcount')
  t.equal(nearest('README.MD', ['readme.md', 'package.json']), 'readme.md')
  t.equal(nearest('lst', ['list', 'last']), 'list', 'the first of equals')
  t.end()
})

t.test('what is not near is not named', (t) => {
  t.equal(nearest('xyzzy', ['demo', 'dev']), undefined)
  t.equal(nearest('a', ['demo']), undefined)
  t.equal(nearest('demo', []), undefined)
  t.end()
})
