import t from 'tap'
import { ring } from '../ring.ts'
import { follow } from './count.ts'
import { startDomain } from './launch.ts'
import { startMeters, thirds } from './meters.ts'

t.setTimeout(600_000)

const tasks = ring(20_000, 100_000)
/** Places of a queue: 32 a slot. */
const limit = 64
/** Memory that is held small, as on a board: what grows cannot hide in what V8 and malloc take because they may. */
const env = { NODE_OPTIONS: '--max-semi-space-size=1 --max-old-space-size=64', MALLOC_ARENA_MAX: '1', UV_THREADPOOL_SIZE: '1' }
/** How much more the last third of the time may need than the middle one, in MiB. Heaps of V8 come in waves of minutes, what malloc gives does not. */
const margins = { anonymous: 6, malloc: 1 }

t.test(`a job of ${tasks} tasks holds a bounded number in flight, and no process grows with it`, async (t) => {
  const { nodes, first, broker } = await startDomain(t, { nodes: 3, slots: 2, env })
  const pids = { ...Object.fromEntries(nodes.map(({ pid }, at) => [`node-${at}`, pid])), broker: broker.pid }
  // Threads, caches and the compiler are warm after it.
  await follow(first, await first.client.submit({ kind: 'echo', job: { tasks: 2_000 } }))
  let most = 0
  let waiting = 0
  const id = await first.client.submit({ kind: 'echo', job: { tasks } })
  const meters = startMeters(pids, 500, async () => {
    const { stages } = await first.client.job(id)
    waiting = Math.max(waiting, ...stages.map((stage) => stage.waiting + stage.running))
    for (const { queue } of await first.client.nodes({ status: true })) most = Math.max(most, (queue?.waiting ?? 0) + (queue?.running ?? 0))
  })
  const began = performance.now()
  let job = await first.client.job(id)
  for await (const event of first.client.events(id)) if (event.is === 'job' || event.is === 'closed') job = event.job
  const seconds = (performance.now() - began) / 1000
  const rows = await meters.end()
  t.equal(job.state, 'done')
  t.equal(job.stages[0]?.done, tasks)
  t.comment(`${Math.round(tasks / seconds)} tasks/s; ${most} at most in one queue, ${waiting} in flight in all`)
  t.ok(most > 0 && most <= limit, `${most} in a queue`)
  t.ok(waiting > 0 && waiting <= 3 * limit + 1_000, `${waiting} in flight`)
  for (const [name, row] of Object.entries(rows)) {
    for (const what of ['anonymous', 'malloc'] as const) {
      const all = thirds(row, what)
      t.ok(all[2] <= all[1] + margins[what], `${name}, ${what}: ${all.join(', ')} MiB, a third of the time each`)
    }
  }
})
