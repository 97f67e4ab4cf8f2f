/** A transaction that the disk does not take leaves no trace in memory: counts, ids, locks and places are those of what was acknowledged. */
import { join } from 'node:path'
import { withBackend } from 'bullmq'
import t from 'tap'
import { backendsOn } from '../../../../agent/queue/sqlite/backend.ts'
import { openStore } from '../../../../agent/queue/sqlite/store.ts'
import { folder } from './open.ts'

t.test('a disk that is full in mid-work costs only what was refused', async (t) => {
  const store = openStore({ path: join(folder(t), 'queue.db') })
  t.teardown(() => store.close())
  const { Queue, Worker } = withBackend(backendsOn(store))
  const queue = new Queue('tasks', { connection: {}, defaultJobOptions: { removeOnComplete: true } })
  await queue.addBulk(Array.from({ length: 30 }, () => ({ name: 'x', data: 'x'.repeat(300) })))
  const claimer = new Worker('tasks', null, { connection: {} })
  const held = [await claimer.getNextJob('t'), await claimer.getNextJob('t')]

  const bound = (pages: number) => store.run(store.queue('bull:tasks'), ({ sql }) => void sql.get(`PRAGMA max_page_count = ${pages}`))
  await bound(1)
  const acknowledged = new Set<string>()
  const refused: unknown[] = []
  const attempt = async (data: string) => {
    try {
      acknowledged.add((await queue.add('x', data)).id ?? '')
    } catch (error) {
      refused.push(error)
    }
  }
  for (let round = 0; round < 20; round += 1) await Promise.all(Array.from({ length: 3 }, () => attempt('x'.repeat(1500))))
  t.ok(refused.length > 0, `${refused.length} were refused`)
  t.ok(
    refused.every((error) => (error as { code?: unknown }).code === 'DISK_FULL'),
    'each with DISK_FULL',
  )
  t.match(await queue.getJobCounts(), { active: 2, waiting: 28 + acknowledged.size })
  await Promise.allSettled([attempt('small'), claimer.getNextJob('t')])

  await bound(1_000_000)
  const { id } = await queue.add('last', 'x')
  t.notOk(acknowledged.has(id ?? ''), `${id} is new`)
  for (const job of held) await job?.moveToCompleted(null, 't', false)
  const ran = new Set<string>()
  for (let job = await claimer.getNextJob('t'); job !== undefined; job = await claimer.getNextJob('t')) {
    ran.add(job.id ?? '')
    await job.moveToCompleted(null, 't', false)
  }
  t.same(
    [...acknowledged].filter((one) => !ran.has(one)),
    [],
    'all that was acknowledged has run',
  )
  const counts = await queue.getJobCounts('waiting', 'prioritized', 'delayed', 'completed')
  t.same(counts, { waiting: 0, prioritized: 0, delayed: 0, completed: 0 })
})
