/**
 * `npm run bench:tasks [-- --tasks 2000]`: what an empty task costs from end to end, over real MQTT between agent processes. One at a
 * time for the latency, as many as fit for the rate; CPU is of the whole process tree, without its start. The floor beside it is a
 * process a task (`xargs -n1 true`), on the same machine in the same run.
 */
import { parseArgs } from 'node:util'
import { type Client, createClient } from '../src/core/client/client.ts'
import { socketOf } from '../src/core/client/home.ts'
import { withDomain } from './domain.ts'
import { type Cost, measure, startMeter } from './measure.ts'
import { verdict } from './verdict.ts'

/** Median of one empty task at a time, and how many a second when as many as fit are under way. */
const bars = { p50Ms: 5, tasksPerSecond: 1000 }

const { values: flags } = parseArgs({ options: { tasks: { type: 'string', default: '2000' }, agents: { type: 'string', default: '2' } } })
const tasks = Number(flags.tasks)
const agents = Number(flags.agents)

interface Run {
  readonly seconds: number
  readonly cpuSeconds: number
  /** Between two tasks that ended, in ms, sorted. */
  readonly gaps: readonly number[]
}

const meter = startMeter()
const { single, bulk } = await withDomain(agents, meter, async ({ command }) => {
  const client = createClient(socketOf(command([]).env?.IPDC_HOME ?? ''))
  await run(client, 200) // threads, caches and the compiler are warm after it
  return { single: await run(client, Math.min(tasks, 1000), 1), bulk: await run(client, tasks) }
})
meter.stop()
const floor: Cost = await measure({ argv: ['sh', '-c', `seq ${tasks} | xargs -n1 true`] })

const at = (gaps: readonly number[], part: number) => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * part))] ?? Number.NaN
const p50 = at(single.gaps, 0.5)
console.log(`Empty tasks, ${agents} agents, embedded broker, Node ${process.versions.node}\n`)
console.log(
  `one at a time     p50 ${p50.toFixed(2)} ms   p99 ${at(single.gaps, 0.99).toFixed(2)} ms   CPU ${((1e3 * single.cpuSeconds) / single.gaps.length).toFixed(2)} ms a task`,
)
console.log(`as many as fit    ${Math.round(tasks / bulk.seconds)} tasks/s   CPU ${((1e3 * bulk.cpuSeconds) / tasks).toFixed(2)} ms a task`)
console.log(
  `a process a task  ${Math.round(tasks / floor.wallSeconds)} tasks/s   CPU ${((1e3 * floor.cpuSeconds) / tasks).toFixed(2)} ms a task   (xargs -n1 true)`,
)
console.log()
process.exitCode = verdict('bench:tasks', [
  { name: 'p50 ms', value: p50, bar: bars.p50Ms },
  { name: 'tasks a second', value: tasks / bulk.seconds, bar: bars.tasksPerSecond, atLeast: true, show: (value) => value.toFixed(0) },
  { name: 'CPU ms a task', value: (1e3 * bulk.cpuSeconds) / tasks },
])

async function run(client: Client, count: number, window?: number): Promise<Run> {
  const before = meter.cpuSeconds()
  const began = performance.now()
  const id = await client.submit({ kind: 'echo', job: { tasks: count, ...(window === undefined ? {} : { window }) } })
  const ends: number[] = []
  for await (const event of client.events(id, { tasks: true })) {
    if (event.is === 'task' && event.state === 'done') ends.push(performance.now())
    if (event.is === 'closed' && event.job.state !== 'done') throw new Error(`the job ${event.job.state}: ${event.job.error?.message}`)
  }
  const seconds = (performance.now() - began) / 1000
  const gaps = ends.slice(1).map((end, i) => end - (ends[i] ?? end))
  return { seconds, cpuSeconds: meter.cpuSeconds() - before, gaps: gaps.sort((a, b) => a - b) }
}
