import t from 'tap'
import { createWatch } from '../../../src/core/job/watch.ts'
import type { JobEvent, JobView } from '../../../src/core/views.ts'

function scene() {
  let views = 0
  const view = (): JobView => ({ id: 'j', kind: 'toy@1', state: 'open', term: 1, submitted: '', stages: [], nodes: {}, warnings: [], ms: ++views })
  return createWatch(view)
}

const task = (attempt: number): JobEvent & { is: 'task' } => ({ is: 'task', stage: 's', task: 's/1', attempt, node: 'a', state: 'running' })

async function next(events: AsyncIterator<JobEvent>): Promise<JobEvent> {
  const { value, done } = await events.next()
  if (done) throw new Error('ended')
  return value
}

t.test('changes of one moment are one snapshot', async (t) => {
  const watch = scene()
  const events = watch.follow({})[Symbol.asyncIterator]()
  t.equal((await next(events)).is, 'job')
  const began = performance.now()
  const coming = next(events)
  for (let i = 0; i < 100; i++) watch.changed()
  t.match(await coming, { is: 'job', job: { ms: 2 } })
  t.ok(performance.now() - began > 150, 'no more than five a second')
  await events.return?.()
  t.notOk(watch.watched)
})

t.test('attempts are told in order to who asked for them, warnings to all, then the end', async (t) => {
  const watch = scene()
  const [all, few] = [watch.follow({ tasks: true }), watch.follow({})].map((events) => events[Symbol.asyncIterator]()) as [
    AsyncIterator<JobEvent>,
    AsyncIterator<JobEvent>,
  ]
  await next(all)
  await next(few)
  for (let i = 0; i < 3; i++) watch.tell(task(i))
  watch.tell({ is: 'warning', message: 'mind' })
  watch.closed()
  for (let i = 0; i < 3; i++) t.match(await next(all), { is: 'task', attempt: i })
  t.match(await next(all), { is: 'warning' })
  t.match(await next(all), { is: 'closed' })
  t.ok((await all.next()).done)
  t.match(await next(few), { is: 'warning' })
  t.match(await next(few), { is: 'closed' })
})

t.test('who reads too slowly loses the oldest, and is told how many', async (t) => {
  const watch = scene()
  const events = watch.follow({ tasks: true })[Symbol.asyncIterator]()
  await next(events)
  for (let i = 0; i < 10_025; i++) watch.tell(task(i))
  t.match(await next(events), { is: 'warning', message: /^25 events/ })
  t.match(await next(events), { is: 'task', attempt: 25 })
  await events.return?.()
})

t.test('a stream ends with its signal, or with the coordinator', async (t) => {
  const watch = scene()
  const leaving = new AbortController()
  const signalled = watch.follow({ signal: leaving.signal })[Symbol.asyncIterator]()
  const stopped = watch.follow({})[Symbol.asyncIterator]()
  await next(signalled)
  await next(stopped)
  const waiting = [signalled.next(), stopped.next()]
  leaving.abort()
  t.ok((await waiting[0])?.done)
  watch.stop()
  t.ok((await waiting[1])?.done)
})
