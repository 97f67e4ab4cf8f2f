import t from 'tap'
import { leftMs, type Marks, mark, rateOf } from '../../../src/commands/base/pace.ts'

const stage = (done: number, total?: number) => ({ name: 'map', done, waiting: 0, running: 0, failed: 0, lost: 0, ...(total === undefined ? {} : { total }) })

function after(...steps: [at: number, done: number][]): Marks {
  return steps.reduce<Marks>((marks, [at, done]) => mark(marks, [stage(done)], at), new Map())
}

t.test('the rate is that of the last seconds, not of all time', (t) => {
  t.equal(rateOf(after([0, 0], [2000, 4]), 'map'), 2)
  t.equal(rateOf(after([0, 0], [60_000, 1], [65_000, 51]), 'map'), 10)
  t.end()
})

t.test('where nothing moves, or too little is known, there is no rate', (t) => {
  for (const marks of [after(), after([0, 0]), after([0, 0], [100, 5]), after([0, 5], [5000, 5]), after([0, 5], [5000, 3])])
    t.equal(rateOf(marks, 'map'), undefined)
  t.end()
})

t.test('what is left is estimated only where the end is known', (t) => {
  const marks = after([0, 0], [2000, 4])
  t.equal(leftMs(stage(4, 10), marks), 3000)
  t.equal(leftMs(stage(4), marks), undefined)
  t.end()
})
