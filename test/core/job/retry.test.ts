import t from 'tap'
import { errors } from '../../../src/core/errors.ts'
import { chargeOf, maxCharged, pauseMs, verdict } from '../../../src/core/job/retry.ts'
import { Desk } from './desk.ts'

function running(nodes: readonly string[]): Desk {
  const desk = new Desk()
  desk.job()
  for (const id of nodes) desk.node(id)
  desk.task('s/1')
  return desk
}

const nodeOf = (desk: Desk) => [...(desk.taskOf('s/1')?.live.values() ?? [])][0]?.node ?? ''

t.test('`elsewhere`: three distinct nodes are tried before one gets it again, then it has failed', async (t) => {
  const desk = running(['a', 'b', 'c', 'd'])
  const tried: string[] = []
  for (let i = 0; i < maxCharged; i++) {
    tried.push(nodeOf(desk))
    const said = desk.fails(tried.at(-1) ?? '', 's/1', 'TASK_FAILED')
    t.same(said.outcomes, i === maxCharged - 1 ? ['s/1 TASK_FAILED'] : [])
    t.equal(said.of('charge').length, 1)
  }
  t.equal(new Set(tried.slice(0, 3)).size, 3)
})

t.test('where fewer nodes fit they are tried again', async (t) => {
  const desk = running(['a', 'b'])
  const tried = new Set<string>()
  for (let i = 0; i < maxCharged; i++) {
    tried.add(nodeOf(desk))
    desk.fails(nodeOf(desk), 's/1', 'TASK_FAILED')
  }
  t.equal(tried.size, 2)
  t.equal(desk.taskOf('s/1')?.is, 'failed')
})

t.test('a node it has not failed on is waited for, though another has room', async (t) => {
  const desk = running(['a'])
  desk.node('b')
  desk.beat('b', { free: 0 })
  t.same(desk.fails('a', 's/1', 'TASK_FAILED').offers, [])
  t.same(desk.beat('b', { free: 1 }).offers, ['s/1#2 → b'])
})

t.test('`later`: the same again after a pause that doubles', async (t) => {
  const desk = running(['a'])
  for (const ms of [1000, 2000, 4000]) {
    t.same(desk.fails('a', 's/1', 'UNREACHABLE').offers, [])
    t.same(desk.pass(ms - 500).offers, [])
    t.equal(desk.pass(500).offers.length, 1)
    desk.says('a', 'started', 's/1')
  }
  t.same(desk.fails('a', 's/1', 'UNREACHABLE').outcomes, ['s/1 UNREACHABLE'])
  t.same([1, 2, 5, 6, 50].map(pauseMs), [1000, 2000, 16_000, 30_000, 30_000])
})

t.test('`never` is final at once', async (t) => {
  const desk = running(['a', 'b'])
  t.same(desk.fails(nodeOf(desk), 's/1', 'NO_INPUT').outcomes, ['s/1 NO_INPUT'])
})

t.test('a code that this version does not know is tried elsewhere', async (t) => {
  const desk = running(['a', 'b'])
  t.equal(desk.fails(nodeOf(desk), 's/1', 'FROM_THE_FUTURE').offers.length, 1)
})

t.test('each code of the table has a verdict, and four charges always end it', async (t) => {
  for (const code of Object.keys(errors)) {
    const charge = chargeOf('a', { code, message: '' })
    t.ok(['again', 'pause', 'fail'].includes(verdict([charge]).is))
    t.equal(verdict(Array.from({ length: maxCharged }, () => charge)).is, 'fail')
  }
  t.equal(verdict([]).is, 'again')
})

t.test('a node that gives a task up by itself costs nothing but a pause', async (t) => {
  const desk = running(['a'])
  desk.says('a', 'started', 's/1')
  const said = desk.says('a', 'cancelled', 's/1')
  t.same(said.of('charge'), [])
  t.match(said.of('event'), [{ state: 'lost' }])
  t.same(desk.pass(1000).offers, ['s/1#2 → a'])
})

t.test('a policy leaves out its node for the whole job, until it is started again', async (t) => {
  const desk = running(['a', 'b'])
  const first = nodeOf(desk)
  const said = desk.says(first, 'refused', 's/1', { error: { code: 'REFUSED', message: 'mine' } })
  t.equal(said.offers.length, 1)
  t.same(said.of('charge'), [])
  for (let i = 2; i < 6; i++) t.notMatch(desk.task(`s/${i}`).offers[0] ?? '', new RegExp(`→ ${first}$`))
  desk.node(first, { boot: 2 })
  t.match(desk.task('s/9').offers[0] ?? '', new RegExp(`→ ${first}$`))
})

t.test('charges of before a restart count', async (t) => {
  const charged = new Map([
    ['s/1', Array.from({ length: 3 }, () => chargeOf('a', { code: 'TASK_FAILED', message: '' }))],
    ['s/2', [chargeOf('a', { code: 'NO_INPUT', message: '' })]],
  ])
  const desk = new Desk()
  desk.node('a')
  desk.job('j', { term: 2, resumed: { committed: new Map(), charged } })
  desk.task('s/1')
  t.same(desk.task('s/2').outcomes, ['s/2 NO_INPUT'])
  desk.pass(10_000)
  t.same(desk.fails('a', 's/1', 'TASK_FAILED').outcomes, ['s/1 TASK_FAILED'])
})
