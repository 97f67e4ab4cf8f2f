import t from 'tap'
import { maxWithdrawals } from '../../../src/core/job/withdraw.ts'
import { fakeCid } from './cluster.ts'
import { Desk } from './desk.ts'

const cid = fakeCid(7)

/** `s/make` has made `cid` on `a`; two tasks that use it run on `b`. */
function used(): Desk {
  const desk = new Desk()
  desk.job()
  desk.node('a')
  desk.task('s/make')
  desk.says('a', 'done', 's/make', { makes: cid })
  desk.node('b')
  for (const name of ['s/use', 's/use2']) desk.task(name, { on: ['b'] })
  return desk
}

t.test('who misses an input waits without cost; what made it runs again under its name', async (t) => {
  const desk = used()
  const said = desk.fails('b', 's/use', 'INPUT_LOST', { cid })
  t.match(said.of('withdraw'), [{ task: 's/make' }])
  t.same(said.of('charge'), [])
  t.equal(said.offers.length, 1)
  t.match(said.offers[0] ?? '', /^s\/make#2/)
  t.same(
    desk.fails('b', 's/use2', 'INPUT_LOST', { cid }).all.map(({ is }) => is),
    ['event', 'note'],
    'another waits for the same',
  )
  const node = [...(desk.taskOf('s/make')?.live.values() ?? [])][0]?.node ?? ''
  const again = desk.says(node, 'done', 's/make', { makes: cid })
  t.same(again.outcomes, [], 'what was told is not told again')
  t.equal(again.of('commit').length, 1)
  t.same(again.offers, ['s/use#2 → b', 's/use2#2 → b'])
  t.same(desk.says('b', 'done', 's/use').outcomes, ['s/use done'])
})

t.test('a result that was withdrawn is not taken again', async (t) => {
  const desk = used()
  desk.fails('b', 's/use', 'INPUT_LOST', { cid })
  const late = desk.says('a', 'done', 's/make', { attempt: 1, makes: cid })
  t.same(late.of('commit'), [])
  t.same(late.notes, ['s/make#1.1 at a'])
})

t.test('what was made again meanwhile is not withdrawn for who had asked before', async (t) => {
  const desk = used()
  desk.fails('b', 's/use', 'INPUT_LOST', { cid })
  const node = [...(desk.taskOf('s/make')?.live.values() ?? [])][0]?.node ?? ''
  desk.says(node, 'done', 's/make', { makes: cid })
  const said = desk.fails('b', 's/use2', 'INPUT_LOST', { cid })
  t.same(said.of('withdraw'), [])
  t.same(said.offers, ['s/use2#2 → b'])
  t.match(desk.fails('b', 's/use2', 'INPUT_LOST', { cid }).of('withdraw'), [{ task: 's/make' }], 'but when it is lost anew')
})

t.test('an input that no task made is waited for, at a cost', async (t) => {
  const desk = used()
  const said = desk.fails('b', 's/use', 'INPUT_LOST', { cid: fakeCid(99) })
  t.match(said.of('charge'), [{ task: 's/use', charge: { retry: 'later' } }])
  t.same(said.of('withdraw'), [])
  t.same(desk.pass(1000).offers, ['s/use#2 → b'])
})

t.test('an input that is lost again and again counts against who needs it in the end', async (t) => {
  const desk = used()
  let charges = 0
  let withdrawals = 0
  for (let i = 0; i < 50 && desk.taskOf('s/use')?.is !== 'failed'; i++) {
    const said = desk.fails('b', 's/use', 'INPUT_LOST', { cid })
    charges += said.of('charge').length
    withdrawals += said.of('withdraw').length
    const node = [...(desk.taskOf('s/make')?.live.values() ?? [])][0]?.node
    if (node !== undefined) desk.says(node, 'done', 's/make', { makes: cid })
    desk.pass(30_000)
    desk.beat('b', { free: 4 })
  }
  t.equal(withdrawals, maxWithdrawals)
  t.equal(charges, 4)
})

t.test('when it cannot be made again, who needs it fails by the same error', async (t) => {
  const desk = used()
  desk.fails('b', 's/use', 'INPUT_LOST', { cid })
  desk.fails('b', 's/use2', 'INPUT_LOST', { cid })
  const node = [...(desk.taskOf('s/make')?.live.values() ?? [])][0]?.node ?? ''
  t.same(desk.fails(node, 's/make', 'DISK_FULL').outcomes, [])
  const other = [...(desk.taskOf('s/make')?.live.values() ?? [])][0]?.node ?? ''
  t.same(desk.fails(other, 's/make', 'NO_INPUT').outcomes, ['s/use NO_INPUT', 's/use2 NO_INPUT'])
})

t.test('losses reach back: what makes an input may miss its own', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.node('a', { room: 9 })
  desk.task('s/1')
  desk.says('a', 'done', 's/1', { makes: fakeCid(1), free: 9 })
  desk.task('s/2')
  desk.says('a', 'done', 's/2', { makes: fakeCid(2), free: 9 })
  desk.task('s/3')
  t.match(desk.fails('a', 's/3', 'INPUT_LOST', { cid: fakeCid(2), free: 9 }).offers, ['s/2#2 → a'])
  t.match(desk.fails('a', 's/2', 'INPUT_LOST', { cid: fakeCid(1), free: 9 }).offers, ['s/1#2 → a'])
  t.match(desk.says('a', 'done', 's/1', { makes: fakeCid(1), free: 9 }).offers, ['s/2#3 → a'])
  t.match(desk.says('a', 'done', 's/2', { makes: fakeCid(2), free: 9 }).offers, ['s/3#2 → a'])
})

t.test('the coordinator itself may miss something; it hears when it is made again, or cannot be', async (t) => {
  const desk = used()
  t.match(desk.do({ is: 'lost', job: 'j', cid: fakeCid(99), want: 1 }).of('unmade'), [{ want: 1, error: { code: 'INPUT_LOST' } }])
  const said = desk.do({ is: 'lost', job: 'j', cid, want: 2 })
  t.match(said.of('withdraw'), [{ task: 's/make' }])
  desk.do({ is: 'lost', job: 'j', cid, want: 3 })
  const node = [...(desk.taskOf('s/make')?.live.values() ?? [])][0]?.node ?? ''
  t.match(desk.says(node, 'done', 's/make', { makes: cid }).of('remade'), [{ want: 2 }, { want: 3 }])
  desk.do({ is: 'lost', job: 'j', cid, want: 4 })
  const last = [...(desk.taskOf('s/make')?.live.values() ?? [])][0]?.node ?? ''
  t.match(desk.fails(last, 's/make', 'NO_INPUT').of('unmade'), [{ want: 4, error: { code: 'NO_INPUT' } }])
})

t.test('what is made again goes on when its stage is left', async (t) => {
  const desk = used()
  desk.do({ is: 'run.opened', job: 'j', run: 2, stage: 'later' })
  desk.task('later/1', { run: 2, on: ['b'] })
  desk.fails('b', 'later/1', 'INPUT_LOST', { cid })
  const left = desk.do({ is: 'run.left', job: 'j', run: 1 })
  t.same(left.cancels.sort(), ['s/use#1.1 at b', 's/use2#1.1 at b'], 'only those that were never done')
  const node = [...(desk.taskOf('s/make')?.live.values() ?? [])][0]?.node ?? ''
  t.match(desk.says(node, 'done', 's/make', { makes: cid }).offers, ['later/1#2 → b'])
})
