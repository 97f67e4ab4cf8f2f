/** A process that adds jobs and works them off until it is killed: `node load.ts FILE`. Says at once `a ID` added, `s ID` begun, `e ID` ended. */
import { writeSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { withBackend } from 'bullmq'
import { createSqliteBackend } from '../../../../agent/queue/sqlite/backend.ts'
import { workers } from './workers.ts'

const { Queue, Worker } = withBackend(createSqliteBackend({ path: process.argv[2] ?? '' }))
const queue = new Queue('load', { connection: {}, defaultJobOptions: { removeOnComplete: true } })
const say = (what: string, id: string | undefined) => void writeSync(1, `${what} ${id}\n`)

new Worker(
  'load',
  async ({ id }) => {
    say('s', id)
    await turn()
    say('e', id)
  },
  { connection: {}, ...workers },
).on('error', (error) => {
  throw error
})

// A backlog of its own, so that something always waits.
await queue.addBulk(Array.from({ length: 50 }, () => ({ name: 'backlog', data: { text: 'x'.repeat(200) } })))
for (;;) {
  const jobs = await Promise.all(Array.from({ length: 8 }, () => queue.add('job', { text: 'x'.repeat(200) })))
  for (const { id } of jobs) say('a', id)
}
