/** A node that was killed and started again tells what its queue still holds: what nobody else was given goes on there. */
import t from 'tap'
import { leaseMs } from '../../../src/core/job/lease.ts'
import { gatherMs } from '../../../src/core/job/open.ts'
import { Desk } from './desk.ts'

const ref = { job: 'j', task: 's/1', term: 1, attempt: 1 }
const waits = { held: [{ ...ref, is: 'waiting' }] }

/** Task `s/1` waits in the queue of `a`; `b` has no room yet. */
function waiting(pure = true): Desk {
  const desk = new Desk()
  desk.job('j', { pure })
  desk.node('a', { room: 1 })
  t.same(desk.task('s/1').offers, ['s/1#1 → a'])
  desk.says('a', 'accepted', 's/1', { free: 0 })
  desk.node('b', { room: 0 })
  return desk
}

for (const pure of [true, false]) {
  t.test(`${pure ? 'pure' : 'not pure'}: what it still holds is granted under the same attempt, at no cost`, async (t) => {
    const desk = waiting(pure)
    t.same(desk.node('a', { boot: 2, room: 0 }).of('charge'), [])
    const said = desk.beat('a', { free: 0, at: 7, ...waits })
    t.match(said.of('grant'), [{ node: 'a', from: { boot: 2, at: 7 }, held: [ref] }])
    t.same(said.cancels, [])
    t.same(desk.beat('b', { free: 4 }).offers, [], 'nobody else is asked')
    t.same(desk.says('a', 'done', 's/1', { attempt: 1 }).outcomes, ['s/1 done'])
  })

  t.test(`${pure ? 'pure' : 'not pure'}: what it does not name when it has told all goes to another at once`, async (t) => {
    const desk = waiting(pure)
    desk.node('a', { boot: 2, room: 0 })
    t.same(desk.beat('a', { free: 0, more: true }).of('event'), [], 'not all is told yet')
    desk.beat('b', { free: 1 })
    t.same(desk.beat('a', { free: 0 }).offers, ['s/1#2 → b'])
  })

  t.test(`${pure ? 'pure' : 'not pure'}: what has its result under way is not given up`, async (t) => {
    const desk = waiting(pure)
    desk.node('a', { boot: 2, room: 0 })
    desk.beat('b', { free: 1 })
    t.same(desk.beat('a', { free: 0, done: [ref] }).offers, [])
    t.same(desk.says('a', 'done', 's/1', { attempt: 1 }).outcomes, ['s/1 done'])
  })
}

t.test('what ran when its node died is charged and not granted again', async (t) => {
  const desk = waiting()
  desk.says('a', 'started', 's/1', { free: 0 })
  desk.beat('b', { free: 1 })
  const said = desk.node('a', { boot: 2, room: 0 })
  t.match(said.of('charge'), [{ charge: { node: 'a', error: { code: 'NODE_LOST' } } }])
  t.same(said.offers, ['s/1#2 → b'])
  t.same(desk.beat('a', { free: 0, ...waits }).cancels, ['s/1#1.1 at a'])
})

t.test('an offer that was under way to the start before is not waited for when the node has told all', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.node('a', { room: 1 })
  t.same(desk.task('s/1').offers, ['s/1#1 → a'])
  desk.node('a', { boot: 2, room: 0 })
  t.same(desk.beat('a', { free: 1, more: true }).offers, [])
  const said = desk.beat('a', { free: 1 })
  t.same(said.offers, ['s/1#2 → a'])
  t.same(said.of('charge'), [])
})

t.test('a node that says nothing after its start is not waited for: 3 s of a pure task, the lease of another', async (t) => {
  for (const [pure, ms] of [
    [true, 3_000],
    [false, leaseMs],
  ] as const) {
    const desk = waiting(pure)
    desk.node('a', { boot: 2, room: 0 })
    desk.beat('b', { free: 1 })
    t.same(desk.pass(ms - 500).offers, [])
    t.same(desk.pass(500).offers, ['s/1#2 → b'])
    t.same(desk.beat('a', { free: 0, ...waits }).cancels, ['s/1#1.1 at a'], 'too late')
  }
})

t.test('given up when its node was gone, a task that nobody else has yet goes on there', async (t) => {
  const desk = waiting()
  t.match(desk.node('a', { state: 'gone' }).of('event'), [{ task: 's/1', state: 'lost' }])
  desk.node('a', { boot: 2, room: 0 })
  const said = desk.beat('a', { free: 0, ...waits })
  t.match(said.of('grant'), [{ held: [ref] }])
  t.match(said.of('event'), [{ task: 's/1', attempt: 1, node: 'a', state: 'adopted' }])
  t.same(desk.beat('b', { free: 4 }).offers, [])
  t.same(desk.says('a', 'done', 's/1', { attempt: 1 }).outcomes, ['s/1 done'])
})

t.test('one that another has by now is ended', async (t) => {
  const desk = waiting()
  desk.node('a', { state: 'gone' })
  t.same(desk.beat('b', { free: 1 }).offers, ['s/1#2 → b'])
  desk.node('a', { boot: 2, room: 0 })
  t.same(desk.beat('a', { free: 0, ...waits }).cancels, ['s/1#1.1 at a'])
  t.same(desk.says('b', 'done', 's/1', { attempt: 2 }).outcomes, ['s/1 done'])
})

t.test('nor does it go on where it has failed, or where it was never given', async (t) => {
  const desk = waiting()
  desk.fails('a', 's/1', 'TASK_FAILED', { attempt: 1 })
  desk.node('a', { boot: 2, room: 0 })
  t.same(desk.beat('a', { free: 0, ...waits }).cancels, ['s/1#1.1 at a'])
  t.same(desk.beat('b', { free: 0, ...waits }).cancels, ['s/1#1.1 at b'])
})

t.test('a task that is not pure is with one node at a time, whatever a killed one reports', async (t) => {
  const desk = waiting(false)
  desk.node('a', { state: 'gone' })
  desk.beat('b', { free: 1 })
  t.same(desk.pass(leaseMs - 500).offers, [], 'it may still run there, unheard')
  t.same(desk.pass(500).offers, ['s/1#2 → b'])
  desk.node('a', { boot: 2, room: 0 })
  const said = desk.beat('a', { free: 0, ...waits })
  t.same(said.of('grant'), [])
  t.same(said.cancels, ['s/1#1.1 at a'])
})

t.test('what a node said before its last start tells nothing of what it holds now', async (t) => {
  const desk = new Desk()
  desk.job('j', { term: 2, resumed: { committed: new Map(), charged: new Map() } })
  desk.node('a', { room: 1 })
  desk.node('a', { boot: 2, room: 1 })
  desk.task('s/1')
  const old = desk.beat('a', { boot: 1, held: [{ ...ref, is: 'running' }] })
  t.same([...old.of('grant'), ...old.of('event')], [])
  t.same(desk.pass(gatherMs + 500).offers, [], 'it has not told yet')
  desk.beat('a')
  t.same(desk.pass(500).offers, ['s/1#1 → a'])
})

t.test('a coordinator that was started again too takes back from a queue only what may run twice: it may have given it to another', async (t) => {
  for (const isAskedFor of [true, false]) {
    for (const [pure, kept, goesOn] of [
      [true, true, true],
      [false, undefined, true],
      [false, true, false],
    ] as const) {
      const desk = new Desk()
      desk.node('a', { room: 1 })
      desk.job('j', { term: 2, pure, resumed: { committed: new Map(), charged: new Map() } })
      if (isAskedFor) desk.task('s/1')
      const said = desk.beat('a', { free: 0, held: [{ ...ref, is: 'waiting', ...(kept === undefined ? {} : { kept }) }] })
      t.equal(said.of('grant').length, goesOn ? 1 : 0)
      t.equal(said.cancels.length, goesOn ? 0 : 1)
    }
  }
})
