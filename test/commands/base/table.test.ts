import t from 'tap'
import { screenOf } from '../../../src/commands/base/screen.ts'
import { sheet, table } from '../../../src/commands/base/table.ts'

const plain = screenOf({ write: () => true }, {})

t.test('columns stand under their headings, numbers to the right, no blanks at the end', (t) => {
  t.equal(
    table(
      ['NAME', 'TASKS', 'X'],
      [
        ['ada', 12, ''],
        ['benedikt', 3, 'y'],
      ],
      plain,
    ),
    ['NAME      TASKS  X', 'ada          12', 'benedikt      3  y'].join('\n'),
  )
  t.equal(table(['NAME'], [], plain), 'NAME')
  t.end()
})

t.test('a sheet leaves out what has no value', (t) => {
  t.equal(
    sheet(
      [
        ['job', 'a'],
        ['error', undefined],
        ['labels', ''],
        ['result', 'b'],
      ],
      plain,
    ),
    'job     a\nresult  b',
  )
  t.equal(sheet([], plain), '')
  t.end()
})

t.test('nothing in a cell moves the cursor, colours what follows or begins a line', (t) => {
  t.equal(table(['TASK', 'X'], [['map/\u001b[2Ja\u009b', 'b\nc']], plain), 'TASK        X\nmap/?[2Ja?  b c')
  t.equal(sheet([['error', 'one\r\ntwo\u0007']], plain), 'error  one two?')
  t.end()
})
