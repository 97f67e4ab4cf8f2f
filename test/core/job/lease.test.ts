import t from 'tap'
import { leaseMs, transitMs } from '../../../src/core/job/lease.ts'
import { Desk } from './desk.ts'

function started(pure = true): Desk {
  const desk = new Desk()
  desk.job('j', { pure })
  desk.node('a')
  desk.task('s/1')
  desk.says('a', 'started', 's/1')
  desk.node('b')
  return desk
}

t.test('a task whose lease expires is offered again, elsewhere where there is another', async (t) => {
  const desk = started()
  t.same(desk.pass(leaseMs - 500).offers, [])
  const said = desk.pass(500)
  t.same(said.offers, ['s/1#2 → b'])
  t.match(said.of('event')[0], { state: 'lost', node: 'a', error: { code: 'NODE_LOST' } })
  t.match(said.of('charge'), [{ task: 's/1', charge: { node: 'a', retry: 'elsewhere' } }], 'what ran is charged')
})

t.test('what was merely offered, or waited, is lost without cost', async (t) => {
  for (const answer of [undefined, 'accepted'] as const) {
    const desk = new Desk()
    desk.job()
    desk.node('a')
    desk.task('s/1')
    if (answer !== undefined) desk.says('a', answer, 's/1')
    const said = desk.pass(leaseMs)
    t.same(said.of('charge'), [])
    t.same(said.offers, ['s/1#2 → a'])
  }
})

t.test('beats renew it, and are granted', async (t) => {
  const desk = started()
  const held = [{ job: 'j', task: 's/1', term: 1, attempt: 1, is: 'running' }]
  for (let beats = 0; beats < 10; beats++) {
    t.same(desk.pass(5000).offers, [])
    t.match(desk.beat('a', { held }).of('grant'), [{ node: 'a', leaseMs, held: [{ job: 'j', task: 's/1', term: 1, attempt: 1 }] }])
  }
  t.same(desk.pass(leaseMs).offers, ['s/1#2 → b'])
})

t.test('a result that is under way keeps its attempt alive', async (t) => {
  const desk = started()
  desk.pass(9000)
  desk.beat('a', { done: [{ job: 'j', task: 's/1', term: 1, attempt: 1 }] })
  t.same(desk.pass(9000).offers, [])
  t.same(desk.says('a', 'done', 's/1').outcomes, ['s/1 done'])
})

t.test('who was deaf, or slept, calls nobody silent before a round of beats', async (t) => {
  const asleep = started()
  asleep.pass(1000)
  asleep.now += 60_000
  t.same(asleep.pass(500).offers, [], 'the coordinator slept')
  t.same(asleep.pass(leaseMs - 1000).offers, [])
  t.same(asleep.pass(1000).offers, ['s/1#2 → b'])

  const deaf = started()
  deaf.do({ is: 'wire', up: false })
  t.same(deaf.pass(60_000).offers, [], 'its broker was down')
  deaf.do({ is: 'wire', up: true })
  t.same(deaf.pass(leaseMs - 500).offers, [])
  t.same(deaf.pass(500).offers, ['s/1#2 → b'])
})

t.test('one that may not run twice at once is given up later by what a command can be late', async (t) => {
  const desk = started(false)
  t.same(desk.pass(leaseMs + transitMs - 500).offers, [])
  t.same(desk.pass(500).offers, ['s/1#2 → b'])
})

t.test('a late result of a pure task is taken, of another it is fenced', async (t) => {
  const pure = started()
  pure.pass(leaseMs)
  const taken = pure.says('a', 'done', 's/1', { attempt: 1 })
  t.same(taken.outcomes, ['s/1 done'])
  t.same(taken.cancels, ['s/1#1.2 at b'], 'the other attempt is ended')

  const other = started(false)
  other.pass(leaseMs + transitMs)
  const fenced = other.says('a', 'done', 's/1', { attempt: 1 })
  t.same(fenced.outcomes, [])
  t.same(fenced.notes, ['s/1#1.1 at a'], 'and may be forgotten')
  t.match(fenced.of('fenced'), [{ task: 's/1', node: 'a' }])
  t.same(other.says('b', 'done', 's/1').outcomes, ['s/1 done'])
})

t.test('an attempt that was given up is ended where it is still reported', async (t) => {
  const desk = started()
  desk.pass(leaseMs)
  t.same(desk.beat('a', { held: [{ job: 'j', task: 's/1', term: 1, attempt: 1, is: 'running' }] }).cancels, ['s/1#1.1 at a'])
  t.same(desk.says('a', 'accepted', 's/1', { attempt: 1 }).cancels, ['s/1#1.1 at a'])
})

t.test('a node that is gone: pure tasks go elsewhere at once, others when the lease is over', async (t) => {
  const pure = started()
  t.same(pure.node('a', { state: 'gone' }).offers, ['s/1#2 → b'])
  const other = started(false)
  t.same(other.node('a', { state: 'gone' }).offers, [])
  t.same(other.pass(leaseMs + transitMs).offers, ['s/1#2 → b'])
})

t.test('a node that was started again: what ran there is dead, and charged', async (t) => {
  for (const pure of [true, false]) {
    const desk = started(pure)
    const said = desk.node('a', { boot: 2 })
    t.same(said.offers, ['s/1#2 → b'])
    t.equal(said.of('charge').length, 1)
  }
})

t.test('a service has a longer lease', async (t) => {
  const desk = new Desk()
  desk.job('j', { leaseMs: 600_000 })
  desk.node('a')
  t.match(desk.task('s/1').of('offer'), [{ leaseMs: 600_000 }])
  desk.says('a', 'started', 's/1')
  t.same(desk.pass(599_500).offers, [])
  t.same(desk.pass(500).offers, ['s/1#2 → a'])
})
