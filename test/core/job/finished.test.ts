import t from 'tap'
import { fakeCid } from './cluster.ts'
import { Desk } from './desk.ts'

/** `s/1` was done on `a`, and its result is on disk. */
function done(makes: string): Desk {
  const desk = new Desk()
  desk.job()
  desk.node('a')
  desk.task('s/1')
  const said = desk.says('a', 'done', 's/1', { makes })
  const [commit] = said.of('commit')
  if (commit === undefined) throw new Error('not committed')
  desk.do({ is: 'synced', job: 'j', task: 's/1', term: commit.term, attempt: commit.attempt })
  return desk
}
const jobOf = (desk: Desk) => desk.state.jobs.get('j')

t.test('of a task whose result names no address only the name is left, and the counts', async (t) => {
  const desk = done('plain')
  t.equal(jobOf(desk)?.tasks.size, 0)
  t.ok(jobOf(desk)?.finished.has('s/1'))
  t.match(jobOf(desk)?.stages.get('s'), { done: 1, waiting: 0 })
  t.equal(jobOf(desk)?.doneBy.get('a'), 1)
})

t.test('what comes of it once more is noted, whoever says it, and starts nothing', async (t) => {
  const desk = done('plain')
  for (const said of [desk.says('a', 'done', 's/1'), desk.says('b', 'done', 's/1', { attempt: 2 }), desk.fails('a', 's/1', 'TASK_FAILED')]) {
    t.equal(said.of('note').length, 1)
    t.same([...said.of('commit'), ...said.of('outcome'), ...said.of('charge'), ...said.of('offer')], [])
  }
  const beat = desk.beat('a', { done: [{ job: 'j', task: 's/1', term: 1, attempt: 1 }], held: [{ job: 'j', task: 's/1', term: 1, attempt: 2, is: 'waiting' }] })
  t.match(beat.of('note'), [{ task: 's/1', attempt: 1 }])
  t.match(beat.of('cancel'), [{ task: 's/1', attempt: 2 }])
})

t.test('after a restart, too: what answers at once is done for good, and what nodes hold of it is ended', async (t) => {
  const desk = new Desk()
  desk.job('j', { term: 2, resumed: { committed: new Map([['s/1', { node: 'a', term: 1, attempt: 1, value: 1, cids: [] }]]), charged: new Map() } })
  desk.node('a')
  t.same(desk.task('s/1').outcomes, ['s/1 done'])
  t.equal(jobOf(desk)?.tasks.size, 0)
  const beat = desk.beat('b', { held: [{ job: 'j', task: 's/1', term: 1, attempt: 1, is: 'running' }] })
  t.match(beat.of('cancel'), [{ task: 's/1' }])
  t.equal(jobOf(desk)?.reports.size, 0)
})

t.test('what nodes said of it before it was asked for is not kept', async (t) => {
  const desk = new Desk()
  desk.job('j', { term: 2, resumed: { committed: new Map([['s/1', { node: 'a', term: 1, attempt: 1, value: 1, cids: [] }]]), charged: new Map() } })
  desk.node('a')
  desk.says('a', 'done', 's/1', { makes: 'plain' })
  t.equal(jobOf(desk)?.reports.size, 1)
  t.same(desk.task('s/1').outcomes, ['s/1 done'])
  t.equal(jobOf(desk)?.reports.size, 0)
  t.same(desk.says('a', 'done', 's/1', { makes: 'plain' }).notes, ['s/1#1.1 at a'])
})

t.test('one whose result names an address can be made again, as it was offered', async (t) => {
  const cid = fakeCid(3)
  const desk = new Desk()
  desk.job()
  desk.node('a')
  const body = new Uint8Array([0, 127, 128, 255])
  desk.task('s/1', { body })
  desk.says('a', 'done', 's/1', { makes: cid })
  desk.do({ is: 'synced', job: 'j', task: 's/1', term: 1, attempt: 1 })
  desk.task('s/2')
  const said = desk.fails('a', 's/2', 'INPUT_LOST', { cid })
  const [offer] = said.of('offer')
  t.match(offer, { task: 's/1', attempt: 2 })
  t.same([...(offer?.body ?? [])], [...body])
  const again = desk.says('a', 'done', 's/1', { makes: cid })
  t.equal(again.of('commit').length, 1)
  t.match(again.of('offer'), [{ task: 's/2' }], 'who waited for it goes on')
})

t.test('of one that is made again, whatever was once given away is as good, however long it was done', async (t) => {
  const cid = fakeCid(3)
  const desk = new Desk()
  desk.job()
  desk.node('a')
  desk.task('s/1')
  desk.node('b', { room: 0 })
  desk.says('a', 'cancelled', 's/1')
  desk.beat('b')
  t.same(desk.pass(1000).offers, ['s/1#2 → b'])
  desk.says('b', 'done', 's/1', { makes: cid })
  desk.do({ is: 'synced', job: 'j', task: 's/1', term: 1, attempt: 2 })
  desk.do({ is: 'lost', job: 'j', cid, want: 1 })
  t.same(desk.says('b', 'done', 's/1', { attempt: 2, makes: cid }).of('commit'), [], 'not what was lost')
  t.same(desk.says('b', 'done', 's/1', { attempt: 1, makes: cid }).of('commit'), [], 'nor what was never given to who says it')
  const late = desk.says('a', 'done', 's/1', { attempt: 1, makes: cid })
  t.match(late.of('commit'), [{ node: 'a', attempt: 1 }])
  t.match(late.of('remade'), [{ want: 1 }])
})

t.test('one that is made again does not go first to where it failed', async (t) => {
  const cid = fakeCid(3)
  const desk = new Desk()
  desk.job()
  desk.node('a')
  desk.task('s/1', { prefer: ['a'] })
  desk.node('b', { room: 0 })
  desk.fails('a', 's/1', 'TASK_FAILED')
  t.same(desk.beat('b').offers, ['s/1#2 → b'])
  desk.says('b', 'done', 's/1', { makes: cid })
  desk.do({ is: 'synced', job: 'j', task: 's/1', term: 1, attempt: 2 })
  t.same(desk.do({ is: 'lost', job: 'j', cid, want: 1 }).offers, ['s/1#3 → b'])
})

t.test('of those that never lost an attempt nothing of attempts is kept', async (t) => {
  const desk = done(fakeCid(3))
  t.equal(desk.taskOf('s/1')?.past.size, 0)
})

t.test('ten thousand tasks leave as much behind as one, whatever their leases', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.node('a')
  for (let i = 0; i < 10_000; i++) {
    desk.task(`s/${i}`)
    desk.says('a', 'done', `s/${i}`, { makes: 'plain' })
    desk.do({ is: 'synced', job: 'j', task: `s/${i}`, term: 1, attempt: 1 })
  }
  desk.pass(500)
  t.equal(jobOf(desk)?.tasks.size, 0)
  t.equal(jobOf(desk)?.finished.size, 10_000)
  t.ok(desk.state.leases.size <= 64)
})
