import t from 'tap'
import { leaseMs, untilOf, wordMs } from '../../../src/core/job/lease.ts'
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

t.test('one that may not run twice at once is given up with its lease: its node has stopped by then, however late commands come', async (t) => {
  const desk = started(false)
  t.same(desk.pass(leaseMs - 500).offers, [])
  t.same(desk.pass(500).offers, ['s/1#2 → b'])
})

t.test('an offer tells the least time that it can be at the node, by its newest word; a grant the time of its beat', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.node('a')
  t.match(desk.task('s/1').of('offer'), [{ from: undefined, pure: true }], 'presence tells no time: it may be kept for long')
  desk.says('a', 'started', 's/1', { at: 5_000, free: 9 })
  desk.pass(700)
  t.match(desk.task('s/2').of('offer'), [{ from: { boot: 1, at: 5_700 } }])
  desk.says('a', 'accepted', 's/2', { at: 4_000, seq: 1 })
  t.match(desk.task('s/3').of('offer'), [{ from: { boot: 1, at: 5_700 } }], 'an older word tells nothing')
  const held = [{ job: 'j', task: 's/1', term: 1, attempt: 1, is: 'running' }]
  t.match(desk.beat('a', { at: 6_000, held }).of('grant'), [{ from: { boot: 1, at: 6_000 } }])
  desk.node('a', { boot: 2 })
  t.match(desk.task('s/4').of('offer'), [{ from: undefined }], 'another start has another clock')
  desk.says('a', 'accepted', 's/4', { at: 100, free: 9 })
  desk.pass(wordMs)
  t.match(desk.task('s/5').of('offer')[0], { from: { boot: 2, at: 100 + wordMs } })
  desk.pass(500)
  t.match(desk.task('s/6').of('offer')[0], { from: undefined }, 'clocks drift')
})

t.test('on the node a right ends two seconds before the lease, from when its word was said', async (t) => {
  const now = { boot: 3, at: 50_000.5 }
  t.equal(untilOf(now, { boot: 3, at: 45_000 }, leaseMs), 53_000)
  t.equal(untilOf(now, { boot: 3, at: 60_000 }, leaseMs), 58_000.5, 'no word is of later than now')
  t.equal(untilOf(now, { boot: 3, at: 42_000 }, leaseMs), undefined, 'over')
  t.equal(untilOf(now, { boot: 2, at: 50_000 }, leaseMs), undefined, 'another start had another clock')
  t.equal(untilOf(now, undefined, leaseMs), undefined)
})

t.test('an offer that came too late is made again at once, for the answer tells the time; late again, it waits for the next word', async (t) => {
  const desk = new Desk()
  desk.job('j', { pure: false })
  desk.node('a', { room: 2 })
  desk.task('s/1')
  desk.task('s/2')
  const late = (task: string, at: number) => desk.says('a', 'refused', task, { at, free: 2, error: { code: 'TOO_LATE', message: '' } })
  const said = late('s/1', 100)
  t.match(said.of('offer'), [{ task: 's/1', attempt: 2, from: { boot: 1, at: 100 } }])
  t.same(said.of('charge'), [], 'at no cost')
  t.match(late('s/2', 101).of('offer'), [{ task: 's/2', attempt: 2 }], 'it was under way before')
  t.same(late('s/1', 102).offers, [])
  t.same(desk.beat('a', { free: 2 }).offers, ['s/1#3 → a'])
})

t.test('a late result of a pure task is taken, of another it is fenced', async (t) => {
  const pure = started()
  pure.pass(leaseMs)
  const taken = pure.says('a', 'done', 's/1', { attempt: 1 })
  t.same(taken.outcomes, ['s/1 done'])
  t.same(taken.cancels, ['s/1#1.2 at b'], 'the other attempt is ended')

  const other = started(false)
  other.pass(leaseMs)
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
  t.same(other.pass(leaseMs).offers, ['s/1#2 → b'])
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
