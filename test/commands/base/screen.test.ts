import t from 'tap'
import { screenOf } from '../../../src/commands/base/screen.ts'

const screen = (isTTY: boolean, env: Record<string, string>) => {
  const { live, paint } = screenOf({ isTTY, write: () => true }, env)
  return { live, colour: paint.isColorSupported }
}

t.test('a terminal has colours and lines that are drawn again, a pipe neither', (t) => {
  t.same(screen(true, { TERM: 'xterm' }), { live: true, colour: true })
  t.same(screen(false, { TERM: 'xterm' }), { live: false, colour: false })
  t.end()
})

t.test('NO_COLOR wins over FORCE_COLOR, FORCE_COLOR over a pipe; neither makes a pipe a terminal', (t) => {
  t.same(screen(true, { NO_COLOR: '1', FORCE_COLOR: '1' }), { live: true, colour: false })
  t.same(screen(false, { FORCE_COLOR: '1' }), { live: false, colour: true })
  t.same(screen(false, { FORCE_COLOR: '0' }), { live: false, colour: false })
  t.same(screen(true, { NO_COLOR: '' }), { live: true, colour: true }, 'an empty NO_COLOR means nothing')
  t.end()
})

t.test('a dumb terminal draws nothing twice and has no colours', (t) => {
  t.same(screen(true, { TERM: 'dumb' }), { live: false, colour: false })
  t.end()
})
