/** What goes to the disk for each job: cards wear out. Measured by what the process hands to the kernel. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { folder, open } from './open.ts'

const wchar = () => Number(/^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
const jobs = 2000

for (const { concurrency, ids, most } of [
  { concurrency: 8, ids: 'of the queue', most: 3072 },
  { concurrency: 8, ids: 'given', most: 4096 },
  { concurrency: 1, ids: 'of the queue', most: 5120 },
])
  t.test(`at most ${most} bytes a job at concurrency ${concurrency}, ids ${ids}`, async (t) => {
    const { Queue, Worker } = open(t, join(folder(t), 'queue.db'))
    const queue = new Queue('tasks', { connection: {}, defaultJobOptions: { removeOnComplete: true } })
    const data = { text: 'x'.repeat(240) }
    const all = Promise.withResolvers<void>()
    let done = 0
    const worker = new Worker('tasks', async () => void (++done === jobs && all.resolve()), { connection: {}, concurrency })
    let left = jobs
    const before = wchar()
    await Promise.all(
      Array.from({ length: concurrency }, async () => {
        while (left-- > 0) await queue.add('x', data, ids === 'given' ? { jobId: `task-${left}-of-somebody` } : {})
      }),
    )
    await all.promise
    await worker.close()
    const bytes = Math.round((wchar() - before) / jobs)
    t.comment(`${bytes} bytes a job`)
    t.ok(bytes <= most, `${bytes} bytes`)
  })
