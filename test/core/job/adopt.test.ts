import t from 'tap'
import { leaseMs } from '../../../src/core/job/lease.ts'
import { gatherMs } from '../../../src/core/job/open.ts'
import { fakeCid } from './cluster.ts'
import { Desk } from './desk.ts'

const committed = (name: string) => new Map([[name, { node: 'a', term: 1, attempt: 3, value: 'made', cids: [fakeCid(1)] }]])
const nothing = { committed: new Map(), charged: new Map() }
const held = (task: string, more = {}) => ({ job: 'j', task, term: 1, attempt: 1, is: 'running', ...more })

function restarted({ pure = true, resumed = nothing, nodes = ['a', 'b'] } = {}): Desk {
  const desk = new Desk()
  for (const id of nodes) desk.node(id)
  desk.job('j', { term: 2, pure, resumed })
  return desk
}

t.test('a task of the journal answers at once, and is not offered', async (t) => {
  const desk = restarted({ resumed: { ...nothing, committed: committed('s/1') } })
  const said = desk.task('s/1')
  t.match(said.of('outcome'), [{ task: 's/1', outcome: { is: 'done', node: 'a', value: 'made' } }])
  t.same(said.of('commit'), [])
  t.same(desk.pass(20_000).offers, [])
  t.match(desk.says('a', 'done', 's/1', { attempt: 3 }).notes, ['s/1#1.3 at a'], 'its node may forget it: it is on disk')
})

t.test('nothing else is offered before one lease, or before all have told what they hold', async (t) => {
  const silent = restarted()
  t.same(silent.task('s/1').offers, [])
  t.same(silent.pass(leaseMs - 500).offers, [])
  t.equal(silent.pass(500).offers.length, 1)

  const told = restarted()
  told.task('s/1')
  told.beat('a')
  told.beat('b', { more: true })
  t.same(told.pass(gatherMs).offers, [], 'one has more to tell')
  told.beat('b')
  t.equal(told.pass(500).offers.length, 1)
})

t.test('a job that is not pure waits for the lease: a node that is not heard may still run its task', async (t) => {
  const desk = restarted({ pure: false })
  desk.task('s/1')
  desk.beat('a')
  desk.beat('b')
  t.same(desk.pass(leaseMs - 500).offers, [])
  t.equal(desk.pass(500).offers.length, 1)
})

t.test('an attempt that a node holds goes on under its old name', async (t) => {
  for (const order of ['task first', 'beat first']) {
    const desk = restarted()
    if (order === 'task first') desk.task('s/1')
    const beat = desk.beat('a', { held: [held('s/1')] })
    t.match(beat.of('grant'), [{ held: [{ task: 's/1', term: 1, attempt: 1 }] }], order)
    if (order === 'beat first') desk.task('s/1')
    t.equal(desk.taskOf('s/1')?.live.get('1.1')?.node, 'a')
    t.equal(desk.taskOf('s/1')?.stage.running, 1)
    desk.beat('b')
    t.same(desk.pass(gatherMs).offers, [])
    const said = desk.says('a', 'done', 's/1', { term: 1 })
    t.match(said.of('commit'), [{ task: 's/1', term: 1, attempt: 1 }])
    t.same(said.outcomes, ['s/1 done'])
  }
})

t.test('a result that was under way is taken, whether its task was asked for again or not yet', async (t) => {
  const desk = restarted({ pure: false })
  desk.task('s/1')
  t.same(desk.says('a', 'done', 's/1', { term: 1 }).outcomes, ['s/1 done'])
  t.same(desk.says('a', 'done', 's/2', { term: 1 }).all, [], 'kept, and not yet to be forgotten')
  const said = desk.task('s/2')
  t.same(said.outcomes, ['s/2 done'])
  t.equal(said.of('commit').length, 1)
})

t.test('a failure that was under way is charged, once, whether its task was asked for again or not yet', async (t) => {
  for (const order of ['task first', 'failure first']) {
    const desk = restarted()
    const fail = () => desk.fails('a', 's/1', 'TASK_FAILED', { term: 1, attempt: 1 })
    const first = order === 'task first' ? desk.task('s/1') : fail()
    t.same(first.all, [], 'a failure is kept, and not yet to be forgotten')
    const said = order === 'task first' ? fail() : desk.task('s/1')
    t.match(said.of('charge'), [{ task: 's/1', charge: { node: 'a', of: { term: 1, attempt: 1 }, error: { code: 'TASK_FAILED' } } }], order)
    t.same(said.notes, [], 'its node forgets it when that is on disk')
    const again = fail()
    t.same(again.of('charge'), [])
    t.same(again.notes, ['s/1#1.1 at a'])
    desk.beat('a')
    desk.beat('b')
    t.same(desk.pass(gatherMs + 500).offers, ['s/1#1 → b'], 'elsewhere')
  }
})

t.test('a failure of the journal is not charged again, nor is its attempt adopted; what is heard after adoption costs nothing', async (t) => {
  const charge = { node: 'a', error: { code: 'TASK_FAILED', message: '' }, retry: 'elsewhere' as const, of: { term: 1, attempt: 1 } }
  const desk = restarted({ resumed: { ...nothing, charged: new Map([['s/1', [charge]]]) } })
  desk.task('s/1')
  t.same(desk.beat('a', { held: [held('s/1')] }).cancels, ['s/1#1.1 at a'])
  const said = desk.fails('a', 's/1', 'TASK_FAILED', { term: 1, attempt: 1 })
  t.same(said.of('charge'), [])
  t.same(said.notes, ['s/1#1.1 at a'])
  desk.task('s/2')
  desk.pass(leaseMs)
  t.same(desk.fails('b', 's/2', 'TASK_FAILED', { term: 1, attempt: 5 }).of('charge'), [])
})

t.test('of two that hold the same task the later attempt counts', async (t) => {
  const desk = restarted()
  desk.task('s/1')
  desk.beat('a', { held: [held('s/1')] })
  t.same(desk.beat('b', { held: [held('s/1', { attempt: 2 })] }).cancels, ['s/1#1.1 at a'])
  t.same(desk.beat('a', { held: [held('s/1')] }).cancels, ['s/1#1.1 at a'])
  t.same([...(desk.taskOf('s/1')?.live.keys() ?? [])], ['1.2'])
})

t.test('when adoption is over, what belongs to no task is ended', async (t) => {
  const desk = restarted()
  t.same(desk.beat('a', { held: [held('s/old')] }).cancels, [])
  desk.beat('b')
  t.same(desk.pass(gatherMs).cancels, ['s/old#1.1 at a'])
  t.same(desk.beat('a', { held: [held('s/old')] }).cancels, ['s/old#1.1 at a'])
})

t.test('after it, an old attempt of a task that was offered anew is ended; its late result counts if it is pure', async (t) => {
  for (const pure of [true, false]) {
    const desk = restarted({ pure, nodes: ['a'] })
    desk.task('s/1')
    desk.pass(leaseMs)
    t.same(desk.beat('a', { held: [held('s/1')] }).cancels, ['s/1#1.1 at a'])
    const late = desk.says('a', 'done', 's/1', { term: 1, attempt: 1 })
    t.same(late.outcomes, pure ? ['s/1 done'] : [])
  }
})

t.test('a result of a node that is not there waits for it', async (t) => {
  const desk = restarted({ nodes: ['a'] })
  desk.task('s/1')
  t.same(desk.says('z', 'done', 's/1', { term: 1 }).all, [], 'neither taken nor thrown away')
  desk.node('z')
  t.same(desk.says('z', 'done', 's/1', { term: 1 }).outcomes, ['s/1 done'])
})

t.test('a (term, attempt) is never used twice', async (t) => {
  const desk = restarted({ nodes: ['a'] })
  desk.task('s/1')
  t.match(desk.pass(leaseMs).of('offer'), [{ term: 2, attempt: 1 }])
})

t.test('messages of jobs that are not open are answered by `close`', async (t) => {
  const desk = restarted()
  t.match(desk.beat('a', { held: [held('x', { job: 'other' })], asks: ['older'] }).of('close'), [{ job: 'other' }, { job: 'older' }])
  t.match(desk.says('a', 'done', 's/1', { job: 'other' }).of('close'), [{ job: 'other', node: 'a' }])
})
