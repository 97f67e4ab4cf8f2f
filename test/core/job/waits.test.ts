import t from 'tap'
import { waitsOf } from '../../../src/core/job/waits.ts'
import { Desk } from './desk.ts'

const said = (desk: Desk) => {
  const job = desk.state.jobs.get('j')
  return job && waitsOf(desk.state, job)
}

t.test('a job says how many nodes are full, and which word the others gave', async (t) => {
  const desk = new Desk()
  desk.job()
  for (const id of ['a', 'b', 'c']) desk.node(id, { room: 0 })
  desk.node('d', { room: 0, now: 0, reason: 'memory' })
  desk.node('e', { room: 0, now: 0, reason: 'of a later version' })
  desk.task('s/1')
  t.equal(said(desk), '4 nodes are full, 1 has no memory')
  desk.node('d', { room: 0, now: 0, reason: 'paused', seq: 2 })
  desk.node('a', { state: 'suspect', room: 0, seq: 2 })
  t.equal(said(desk), '3 nodes are full, 1 is paused, 1 does not answer')
})

t.test('nodes that may not run it are not spoken of; where there is no other, that is said', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.node('a', { room: 0 })
  desk.node('b', { kinds: ['other@1'] })
  desk.task('s/1', { on: ['c'] })
  t.equal(said(desk), 'no node of the domain can run it')
  desk.node('c', { room: 0, state: 'draining' })
  t.equal(said(desk), '1 node is about to stop')
})

t.test('what runs, or is about to, waits for nothing', async (t) => {
  const desk = new Desk()
  desk.job()
  t.equal(said(desk), undefined, 'nothing is there to run')
  desk.node('a', { room: 1 })
  desk.task('s/1')
  t.equal(said(desk), undefined, 'offered')
  desk.says('a', 'accepted', 's/1', { free: 0 })
  desk.task('s/2')
  t.equal(said(desk), 'its tasks wait their turn on 1 node')
  desk.says('a', 'started', 's/1', { free: 0 })
  t.equal(said(desk), undefined)
})

t.test('of tasks that wait on nodes which run none now, it is said why', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.node('a', { room: 1 })
  desk.task('s/1')
  desk.says('a', 'accepted', 's/1', { free: 0 })
  desk.node('a', { room: 0, now: 0, reason: 'queue broken', seq: 2 })
  t.equal(said(desk), 'its tasks wait where none runs now: 1 node has a broken queue')
  desk.node('b', { room: 1 })
  desk.task('s/2')
  desk.says('b', 'accepted', 's/2', { free: 0 })
  t.equal(said(desk), 'its tasks wait their turn on 1 node, and where none runs now: 1 node has a broken queue')
  desk.node('a', { state: 'suspect', room: 0, seq: 3 })
  t.match(said(desk), /on 1 node, and where none runs now: 1 node does not answer$/)
})

t.test('a journal that cannot be written and a restart are told of', async (t) => {
  const desk = new Desk()
  desk.job('j', { term: 2, resumed: { committed: new Map(), charged: new Map() } })
  desk.task('s/1')
  t.match(said(desk), /since the restart/)
  desk.do({ is: 'job.held', job: 'j', isHeld: true })
  t.match(said(desk), /journal/)
})
