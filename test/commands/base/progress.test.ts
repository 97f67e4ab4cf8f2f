import t from 'tap'
import { createProgress, lineEveryMs } from '../../../src/commands/base/progress.ts'
import { screenOf } from '../../../src/commands/base/screen.ts'
import type { JobView, StageView } from '../../../src/core/client/api.ts'

function show(t: Pick<typeof import('tap').t, 'teardown'>, isTTY: boolean) {
  let text = ''
  const screen = screenOf({ isTTY, columns: 100, write: (more) => (text += more) }, { NO_COLOR: '1' })
  const progress = createProgress(screen, new Map())
  t.teardown(() => progress.end())
  return {
    progress,
    taken: () => {
      const all = text
      text = ''
      return all
    },
  }
}

function at(done: number, total = 4): JobView {
  const map: StageView = { name: 'map', total, done, waiting: 0, running: 0, failed: 0, lost: 0 }
  return { id: 'j', kind: 'mr', state: 'open', term: 1, submitted: '', warnings: [], ms: 0, stages: [map], nodes: {} }
}

t.test('off a terminal a line comes at the end of each stage, once, and nothing is drawn', (t) => {
  const { progress, taken } = show(t, false)
  for (const done of [0, 1, 2, 3]) progress.show(at(done))
  t.equal(taken(), '')
  progress.show(at(4))
  progress.show(at(4))
  t.match(taken(), /^j {2}\d+ ms \| map 4\/4\n$/)
  progress.say('Warning: x')
  t.equal(taken(), 'Warning: x\n')
  t.end()
})

t.test('off a terminal a line comes every five seconds, also when nothing happens', (t) => {
  const clock = t.capture(globalThis, 'setInterval', (_listener: () => void, _ms: number) => ({ unref() {} }))
  const { progress, taken } = show(t, false)
  const [{ args }] = clock() as unknown as [{ args: [() => void, number] }]
  t.equal(args[1], lineEveryMs)
  args[0]()
  t.equal(taken(), '', 'nothing is known yet')
  progress.show(at(1))
  args[0]()
  args[0]()
  t.match(taken(), /^(j {2}\d+ ms \| map 1\/4\n){2}$/)
  t.end()
})

t.test('on a terminal bars are drawn, lines pass above them, and while something is asked nothing is drawn', (t) => {
  const { progress, taken } = show(t, true)
  progress.show(at(1))
  t.match(taken(), /^j {2}0 ms\nmap {4}█{6}░{18} {2}1\/4\n$/)
  progress.say('hello')
  t.match(taken(), /hello\nj {2}0 ms\nmap/)
  progress.hold()
  taken()
  progress.show(at(2))
  t.equal(taken(), '')
  progress.resume()
  t.match(taken(), /2\/4/)
  t.end()
})
