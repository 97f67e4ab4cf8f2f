/** kill -9 in mid-load: what was acknowledged runs, what was active waits again at once, and little runs twice. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { withBackend } from 'bullmq'
import t from 'tap'
import { createSqliteBackend } from '../../../../agent/queue/sqlite/backend.ts'
import { random as randomFrom } from '../../../fakes/random.ts'
import { ring } from '../../../ring.ts'
import { folder } from './open.ts'
import { workers } from './workers.ts'

t.setTimeout(ring(120_000, 900_000))

const seed = Number(process.env.IPDC_SEED ?? Date.now() % 100_000)
const rounds = ring(10, 100)
const random = randomFrom(seed)

interface Said {
  readonly added: Set<string>
  readonly begun: Set<string>
  readonly ended: Set<string>
}

/** Runs load.ts until it has said so many lines, and kills it. */
async function killAfter(lines: number, path: string): Promise<Said> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'load.ts'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH ?? '', NODE_NO_WARNINGS: '1' },
  })
  const exit = once(child, 'exit')
  const said = { a: new Set<string>(), s: new Set<string>(), e: new Set<string>() }
  let count = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [what, id = ''] = line.split(' ')
    if (what === 'a' || what === 's' || what === 'e') said[what].add(id)
    if (++count === lines) child.kill('SIGKILL')
  }
  await exit
  return { added: said.a, begun: said.s, ended: said.e }
}

/** Works off what is left in the file. */
async function drain(path: string): Promise<{ active: number; ran: string[]; stalled: string[] }> {
  const factory = createSqliteBackend({ path })
  const { Queue, Worker } = withBackend(factory)
  const queue = new Queue('load', { connection: {} })
  const { active = 0, waiting = 0 } = await queue.getJobCounts()
  const ran: string[] = []
  const stalled: string[] = []
  const worker = new Worker('load', async ({ id }) => void ran.push(id ?? ''), { connection: {}, autorun: false, removeOnComplete: { count: 0 }, ...workers })
  worker.on('stalled', (id) => stalled.push(id))
  const drained = once(worker, 'drained')
  const running = worker.run()
  if (waiting > 0) await drained
  await worker.close()
  await running
  await queue.close()
  await factory.close()
  return { active, ran, stalled }
}

t.test(`killed at ${rounds} random moments (seed ${seed}), it loses nothing and repeats little`, async (t) => {
  const home = folder(t)
  for (let round = 1; round <= rounds; round += 1) {
    const path = join(home, `${round}.db`)
    const lines = 50 + Math.floor(random() * 1500)
    const { added, begun, ended } = await killAfter(lines, path)
    const { active, ran, stalled } = await drain(path)
    const done = new Set([...ended, ...ran])
    const lost = [...added].filter((id) => !done.has(id))
    const twice = ran.filter((id) => begun.has(id))
    const title = `round ${round}: ${added.size} acknowledged, ${stalled.length} were active, ${ran.length} left`
    t.same({ lost, active, repeated: ran.length - new Set(ran).size }, { lost: [], active: 0, repeated: 0 }, title)
    t.ok(twice.length <= workers.concurrency && stalled.length <= workers.concurrency, `round ${round}: ${twice.length} ran twice`)
    t.same(ran.slice(0, stalled.length).sort(), [...stalled].sort(), `round ${round}: what was active goes first`)
  }
})
