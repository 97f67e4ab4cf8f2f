import t from 'tap'
import { hasRoom } from '../../../src/core/job/ready.ts'
import { fakeCid } from './cluster.ts'
import { Desk } from './desk.ts'

t.test('offered, accepted, running, done: a task goes its way', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.node('a')
  t.match(desk.task('s/1').of('offer'), [{ node: 'a', job: 'j', task: 's/1', term: 1, attempt: 1, stage: 's', leaseMs: 10_000 }])
  t.match(desk.says('a', 'accepted', 's/1').of('event'), [{ state: 'accepted' }])
  t.match(desk.says('a', 'started', 's/1').of('event'), [{ state: 'running' }])
  t.match(desk.taskOf('s/1')?.stage, { waiting: 0, running: 1 })
  const done = desk.says('a', 'done', 's/1', { makes: fakeCid(3) })
  t.same(
    done.all.map(({ is }) => is),
    ['commit', 'event', 'outcome'],
  )
  t.same(done.notes, [], 'not to be forgotten before it is on disk')
  t.same(desk.do({ is: 'synced', job: 'j', task: 's/1', term: 1, attempt: 1 }).notes, ['s/1#1.1 at a'])
  t.same(desk.says('a', 'done', 's/1').notes, ['s/1#1.1 at a'], 'said again to who asks again')
  t.match(desk.taskOf('s/1')?.stage, { waiting: 0, running: 0, done: 1 })
})

t.test('everything twice is everything once', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.node('a')
  desk.task('s/1')
  for (const is of ['accepted', 'started', 'accepted', 'done', 'started', 'done'] as const) desk.says('a', is, 's/1')
  t.match(desk.taskOf('s/1')?.stage, { waiting: 0, running: 0, done: 1, lost: 0 })
  t.equal(desk.state.credit, 4)
})

t.test('the first result is the result; the others are fenced and forgotten', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.node('a')
  desk.task('s/1')
  desk.says('a', 'started', 's/1')
  desk.node('b')
  desk.node('a', { state: 'gone' })
  desk.says('b', 'done', 's/1', { makes: fakeCid(2) })
  desk.node('a')
  const late = desk.says('a', 'done', 's/1', { attempt: 1, makes: fakeCid(1) })
  t.match(late.of('fenced'), [{ what: 'late result' }])
  t.same(late.notes, ['s/1#1.1 at a'])
  t.same(late.of('commit'), [])
})

t.test('jobs take turns', async (t) => {
  const desk = new Desk()
  desk.job('large')
  desk.job('small')
  for (let i = 0; i < 6; i++) desk.task(`s/${i}`, { job: 'large' })
  for (let i = 0; i < 2; i++) desk.task(`s/${i}`, { job: 'small' })
  t.same(
    desk
      .node('a', { room: 6 })
      .of('offer')
      .map(({ job }) => job),
    ['large', 'small', 'large', 'small', 'large', 'large'],
  )
})

t.test('one that nobody can run now holds up no other', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.node('a')
  t.same(desk.task('s/1', { on: ['b'] }).offers, [])
  t.same(desk.task('s/2', { needs: { labels: ['gpu'] } }).offers, [])
  t.same(desk.task('s/3').offers, ['s/3#1 → a'])
  t.same(desk.node('b').offers, ['s/1#1 → b'])
  t.same(desk.node('c', { labels: ['gpu'] }).offers, ['s/2#1 → c'])
})

t.test('a preferred node with room comes first, one without does not hold up', async (t) => {
  const desk = new Desk()
  desk.job()
  for (const id of ['a', 'b', 'c']) desk.node(id, { room: 1 })
  t.same(desk.task('s/1', { prefer: ['x', 'c'] }).offers, ['s/1#1 → c'])
  t.notMatch(desk.task('s/2', { prefer: ['c'] }).offers[0] ?? '', /→ c$/)
  t.equal(desk.task('s/3', { prefer: ['c'] }).offers.length, 1)
})

t.test('--nodes N: the first N only; a suspect one keeps its place, a dead one is replaced', async (t) => {
  const desk = new Desk()
  desk.job('j', { nodes: 1 })
  for (const id of ['a', 'b', 'c']) desk.node(id, { room: 2 })
  const one = desk.task('s/1').of('offer')[0]?.node ?? ''
  desk.task('s/2')
  t.same(desk.task('s/3').offers, [], 'the others have room, but are not of the job')
  desk.node(one, { state: 'suspect' })
  t.same(desk.task('s/4').offers, [])
  const said = desk.node(one, { state: 'gone' })
  t.equal(said.offers.length, 2, 'as many as the next has room for')
  t.equal(new Set(said.of('offer').map(({ node }) => node)).size, 1)
})

t.test('a warning is said once: nobody fits, fewer than asked for', async (t) => {
  const desk = new Desk()
  desk.job('j', { nodes: 3 })
  desk.task('s/1', { needs: { engine: 'python' } })
  t.same(desk.pass(2000).of('warn'), [], 'nodes may be about to come')
  t.match(desk.pass(1000).of('warn'), [{ message: /No node of the domain runs toy@1 with .*python/ }])
  t.same(desk.pass(60_000).of('warn'), [])
  t.match(desk.node('a', { engines: ['python'] }).of('warn'), [{ message: /1 node where 3 were asked for/ }])
  desk.says('a', 'done', 's/1')
  t.same(desk.task('s/2', { needs: { engine: 'python' } }).of('warn'), [])
})

t.test('leaving a stage ends what is live, and what comes of it later is fenced', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.node('a', { room: 2 })
  for (let i = 0; i < 3; i++) desk.task(`s/${i}`)
  t.same(desk.do({ is: 'run.left', job: 'j', run: 1 }).cancels, ['s/0#1.1 at a', 's/1#1.1 at a'])
  t.same(desk.says('a', 'done', 's/0', { attempt: 1 }).notes, ['s/0#1.1 at a'])
  t.match(desk.taskOf('s/0')?.stage, { sources: 0, waiting: 0, running: 0, done: 0 })
})

t.test('closing a job ends what is live, and frees the nodes for others', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.job('k')
  desk.node('a', { room: 1 })
  desk.task('s/1')
  desk.task('s/1', { job: 'k' })
  const said = desk.do({ is: 'job.closed', job: 'j', why: 'cancelled' })
  t.same(said.cancels, ['s/1#1.1 at a'])
  t.match(said.of('offer'), [{ job: 'k' }])
  t.match(desk.says('a', 'done', 's/1').of('close'), [{ node: 'a', job: 'j' }])
})

t.test('ten thousands of tasks cost microseconds each', async (t) => {
  const desk = new Desk()
  desk.job()
  for (let i = 0; i < 20; i++) desk.node(`n${i}`, { room: 50 })
  const count = 20_000
  const began = process.cpuUsage()
  const live: { node: string; task: string }[] = []
  const take = (said: ReturnType<Desk['do']>) => {
    for (const { node, task } of said.of('offer')) live.push({ node, task })
  }
  let at = 0
  for (let added = 0; at < count; ) {
    while (added < count && hasRoom(desk.state, 'j')) take(desk.task(`s/${added++}`))
    const { node, task } = live[at++]!
    take(desk.says(node, 'started', task, { free: 40 }))
    take(desk.says(node, 'done', task, { free: 41 }))
    if (at % 1000 === 0) take(desk.pass(500))
  }
  const { user, system } = process.cpuUsage(began)
  const perTask = (user + system) / count
  t.comment(`${perTask.toFixed(1)} us of CPU a task`)
  t.match(desk.taskOf('s/0')?.stage, { done: count, waiting: 0 })
  t.ok(perTask < 500, `${perTask} us`)
})
