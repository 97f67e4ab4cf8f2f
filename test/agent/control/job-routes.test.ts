import { join } from 'node:path'
import t, { type Test } from 'tap'
import { jobRoutes } from '../../../agent/control/job-routes.ts'
import { listen } from '../../../agent/control/server.ts'
import { uploadPin } from '../../../agent/control/store-routes.ts'
import { createClient } from '../../../src/core/client/client.ts'
import { IpdcError } from '../../../src/core/errors.ts'
import type { Coordinator } from '../../../src/core/job/coordinator.ts'
import { silent } from '../../../src/core/log.ts'
import { createEmbeddedStore } from '../../../src/core/store/embedded.ts'
import type { JobEvent, JobView } from '../../../src/core/views.ts'
import { bytes, folder } from '../rooms.ts'

const viewOf = (id: string): JobView => ({
  id,
  kind: 'echo@1',
  state: 'open',
  term: 1,
  submitted: '2026-01-01T00:00:00.000Z',
  stages: [],
  nodes: {},
  warnings: [],
  ms: 0,
})

/** The routes over a real store and socket, and a coordinator that takes every job and runs none. */
async function open(t: Test, ids: readonly string[] = []) {
  const dir = await folder(t)
  const store = await createEmbeddedStore({ path: join(dir, 'store'), limit: 1 << 30, log: silent })
  t.teardown(() => store.close())
  const jobs = new Map(ids.map((id) => [id, viewOf(id)]))
  const submitted: unknown[] = []
  const followed: { id: string; tasks: boolean; signal: AbortSignal }[] = []
  const left = Promise.withResolvers<void>()
  const coordinator: Pick<Coordinator, 'submit' | 'view' | 'views' | 'follow' | 'cancel'> = {
    async submit(job) {
      submitted.push(job)
      if (job.kind === 'other') throw new IpdcError('WRONG_KIND', { message: 'planned' })
      jobs.set('new-1', viewOf('new-1'))
      return 'new-1'
    },
    view: (id) => jobs.get(id),
    views: () => [...jobs.values()],
    async *follow(id, { tasks = false, signal = new AbortController().signal } = {}): AsyncGenerator<JobEvent> {
      followed.push({ id, tasks, signal })
      yield { is: 'job', job: viewOf(id) }
      if (id === 'endless-1') await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      left.resolve()
      yield { is: 'closed', job: { ...viewOf(id), state: 'done' } }
    },
    async cancel(id) {
      jobs.set(id, { ...viewOf(id), state: 'cancelled' })
    },
  }
  const socket = join(dir, 'agent.sock')
  const server = await listen({ socket, routes: jobRoutes({ coordinator: coordinator as Coordinator, store, self: 'self' }), log: silent })
  t.teardown(() => server.close())
  const pins = async () => {
    const names: string[] = []
    for await (const { cid, name } of store.pins()) names.push(`${name} ${cid}`)
    return names.sort()
  }
  return { store, client: createClient(socket), submitted, followed, pins, left: left.promise, jobs }
}

t.test('a job is given to the coordinator as it was asked for, and its id answered', async (t) => {
  const { client, submitted } = await open(t)
  const job = { kind: 'echo', job: { tasks: 3 }, label: 'try', nodes: 2 }
  t.equal(await client.submit(job), 'new-1')
  t.same(submitted, [job])
  await t.rejects(client.submit({ kind: 'other', job: {} }), { code: 'WRONG_KIND' })
})

t.test('what is not of the form of a job never reaches the coordinator', async (t) => {
  const { client, submitted } = await open(t)
  const bad: object[] = [
    {},
    { kind: 'Echo', job: {} },
    { kind: 'echo', job: {}, nodes: 0 },
    { kind: 'echo', job: {}, nodes: 1.5 },
    { kind: 'echo', job: {}, label: 'a label' },
    { kind: 'echo', job: {}, more: 1 },
  ]
  for (const job of bad) await t.rejects(client.submit(job as never), { code: 'BAD_DATA', message: /Not a job/ }, JSON.stringify(job))
  t.same(submitted, [])
})

t.test('the pins of a job take over from those of the upload, for what it names and for nothing else', async (t) => {
  const { client, store, pins } = await open(t)
  const input = await store.addTree([{ path: 'a.txt', content: bytes('a') }], { pin: uploadPin })
  const other = await store.addFile(bytes('other'), { pin: uploadPin })
  const absent = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
  await client.submit({ kind: 'echo', job: { input: { cid: input.cid }, elsewhere: absent } })
  t.same(await pins(), [`job/new-1/self ${input.cid}`, `upload ${other.cid}`])
})

t.test('a job is found by the beginning of its id, as long as that names one; a whole id is always itself', async (t) => {
  const { client } = await open(t, ['count-1', 'count-12', 'words-7f3a'])
  t.equal((await client.job('words')).id, 'words-7f3a')
  t.equal((await client.job('count-1')).id, 'count-1')
  await t.rejects(client.job('count'), { code: 'NOT_FOUND', message: '2 jobs begin with count: count-1, count-12', hint: 'ipdc job list' })
  await t.rejects(client.job('nothing'), { code: 'NOT_FOUND', message: 'No job nothing' })
  t.same(
    (await client.jobs()).map(({ id }) => id),
    ['count-1', 'count-12', 'words-7f3a'],
  )
})

t.test('events come as they happen, of tasks too where they are asked for', async (t) => {
  const { client, followed } = await open(t, ['words-7f3a'])
  const seen: string[] = []
  for await (const { is } of client.events('words')) seen.push(is)
  t.same(seen, ['job', 'closed'])
  for await (const event of client.events('words', { tasks: true })) t.ok(event)
  t.match(followed, [
    { id: 'words-7f3a', tasks: false },
    { id: 'words-7f3a', tasks: true },
  ])
  await t.rejects(
    async () => {
      for await (const event of client.events('nothing')) t.fail(event.is)
    },
    { code: 'NOT_FOUND' },
  )
})

t.test('who stops following is not followed for any more', async (t) => {
  const { client, followed, left } = await open(t, ['endless-1'])
  for await (const { is } of client.events('endless-1')) {
    t.equal(is, 'job')
    break
  }
  await left
  t.ok(followed[0]?.signal.aborted)
})

t.test('a job is cancelled by the beginning of its id, and answered as it is then', async (t) => {
  const { client, jobs } = await open(t, ['count-1', 'words-7f3a'])
  t.match(await client.cancel('words'), { id: 'words-7f3a', state: 'cancelled' })
  t.equal(jobs.get('count-1')?.state, 'open')
  await t.rejects(client.cancel('nothing'), { code: 'NOT_FOUND' })
})
