/** What this backend does not do, it says. README.md tells of every member of the interface. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import t from 'tap'
import { open } from './open.ts'

const refused = { code: 'NOT_SUPPORTED', message: /is not supported by the SQLite backend/, hint: /Redis/ }

t.test('flows, job schedulers and de-duplication throw, each by name', async (t) => {
  const { Queue, FlowProducer } = open(t)
  const queue = new Queue('tasks', { connection: {} })
  const job = await queue.add('x', {})
  await t.rejects(queue.add('x', {}, { deduplication: { id: 'one' } }), refused)
  await t.rejects(queue.add('x', {}, { parent: { id: '1', queue: 'bull:tasks' } }), refused)
  await t.rejects(queue.add('x', {}, { repeat: { every: 1000 } } as object), refused)
  await t.rejects(
    queue.addBulk([
      { name: 'fine', data: {} },
      { name: 'x', data: {}, opts: { deduplication: { id: 'one' } } },
    ]),
    refused,
  )
  await t.rejects(queue.upsertJobScheduler('daily', { every: 1000 }), refused)
  await t.rejects(queue.getJobSchedulers(), refused)
  await t.rejects(queue.removeJobScheduler('daily'), refused)
  await t.rejects(queue.getDeduplicationJobId('one'), refused)
  await t.rejects(queue.removeDeduplicationKey('one'), refused)
  await t.rejects(job.getDependencies(), refused)
  await t.rejects(job.getChildrenValues(), refused)
  await t.rejects(job.moveToWaitingChildren('token'), refused)
  await t.rejects(new FlowProducer({ connection: {} }).add({ name: 'top', queueName: 'tasks', children: [{ name: 'below', queueName: 'tasks' }] }), refused)
  t.equal(await queue.count(), 1, 'nothing was added')
})

t.test('metrics are neither collected nor read', async (t) => {
  const { Queue, Worker } = open(t)
  t.throws(() => new Worker('tasks', null, { connection: {}, metrics: { maxDataPoints: 10 } }), refused)
  await t.rejects(new Queue('tasks', { connection: {} }).getMetrics('completed'), refused)
})

t.test('what a worker asks by itself is answered', async (t) => {
  const { backend } = open(t)
  t.equal(await backend('tasks').isJobScheduler('daily'), false)
})

t.test('README.md has a line for every member of the interface', async (t) => {
  const types = join(dirname(createRequire(import.meta.url).resolve('bullmq')), '../esm/interfaces/queue-backend.d.ts')
  const [, face = ''] = readFileSync(types, 'utf8').split('export interface IQueueBackend {')
  const [body = ''] = face.split('export type BackendFactory')
  const members = [...body.matchAll(/^ {4}(?:readonly )?([a-zA-Z]+)[?]?(?:[<(:])/gm)].map(([, name = '']) => name)
  const readme = readFileSync(join(import.meta.dirname, '../../../../agent/queue/sqlite/README.md'), 'utf8')
  const told = new Set([...readme.matchAll(/`([a-zA-Z]+)`/g)].map(([, name]) => name))
  t.ok(members.length > 80, `${new Set(members).size} members`)
  t.same(
    members.filter((name) => !told.has(name)),
    [],
  )
})
