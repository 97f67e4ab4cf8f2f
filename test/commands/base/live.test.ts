import t from 'tap'
import { createLive, cut } from '../../../src/commands/base/live.ts'

function terminal(columns = 20) {
  const writes: string[] = []
  return { writes, live: createLive({ columns, write: (text) => void writes.push(text) }) }
}

t.test('a block is drawn over the one before, in one write', (t) => {
  const { writes, live } = terminal()
  live.draw(['a', 'b'])
  live.draw(['c'])
  t.same(writes, ['a\nb\n', '\u001b[2A\r\u001b[0Jc\n'])
  t.end()
})

t.test('a line that is said passes above the block', (t) => {
  const { writes, live } = terminal()
  live.draw(['a'])
  live.say('hello')
  t.equal(writes.at(-1), '\u001b[1A\r\u001b[0Jhello\na\n')
  t.end()
})

t.test('a block that is kept is not drawn over', (t) => {
  const { writes, live } = terminal()
  live.draw(['a'])
  live.keep()
  live.draw(['b'])
  t.equal(writes.at(-1), 'b\n')
  live.clear()
  t.equal(writes.at(-1), '\u001b[1A\r\u001b[0J')
  t.end()
})

t.test('no line wraps, and colours take no room', (t) => {
  const { writes, live } = terminal(6)
  live.draw(['0123456789'])
  t.equal(writes[0], '01234\n')
  t.equal(cut('\u001b[31mabcdef\u001b[39m', 3), '\u001b[31mabc\u001b[39m')
  t.equal(cut('███', 2), '██')
  t.end()
})
