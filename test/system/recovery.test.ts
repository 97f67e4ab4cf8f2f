/** An agent that is killed with a full queue and started again: what waited there is told, granted and run there; what ran is not run again by its own word. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { JobEvent } from '../../src/core/views.ts'
import { startRedis } from '../services/redis.ts'
import { needs } from '../services.ts'
import { follow } from './count.ts'
import { type Node, startDomain } from './launch.ts'

t.setTimeout(240_000)

/** Each long enough that what waits for the next slot still waits when the kill comes. */
const waitMs = 700
const tasks = 20

for (const use of ['embedded', 'redis'] as const) {
  t.test(`${use}: killed with a full queue and started again, a node goes on with what it is granted and drops the rest`, async (t) => {
    const queue = await queueOf(t, use)
    if (queue === undefined) return
    const { first, nodes } = await startDomain(t, { nodes: 2, slots: 2, env: { IPDC_QUEUE: queue } })
    const victim = nodes[1]
    if (victim === undefined) throw new Error('no second node')
    // The other takes nothing, so nobody is given what is lost before the killed one is back.
    await first.client.order(first.id, { do: 'pause' })

    const events: (JobEvent & { is: 'task' })[] = []
    let isKilled = false
    const job = await follow(first, await first.client.submit({ kind: 'echo', job: { tasks, waitMs } }), async (event) => {
      events.push(event)
      // Its coordinator knows that this one runs: it will not be granted again.
      if (isKilled || event.state !== 'running' || events.filter(({ state }) => state === 'done').length < 3) return
      // What comes for what has gone is under way: it is there before anything else ends.
      while ((await victim.client.agent()).queue.waiting < 2);
      isKilled = true
      await victim.kill9()
      await victim.restart()
      await first.client.order(first.id, { do: 'resume' })
    })

    t.ok(isKilled, 'it was killed')
    t.match(job, { state: 'done' }, job.error?.message ?? 'done')
    t.equal(await textOf(first, job.root?.cid ?? ''), `${tasks}\n`, 'the right root')
    const { held = 0, granted = 0, dropped = 0 } = decided(victim)
    t.ok(held >= 3, `it held ${held}: some ran, others waited`)
    t.ok(granted >= 1 && dropped >= 1 && granted + dropped === held, `${granted} were granted, ${dropped} dropped`)
    const adopted = events.filter(({ state, node }) => state === 'adopted' && node === victim.id)
    t.equal(adopted.length, granted, 'its coordinator gave back what nobody else had')
    for (const { task, attempt } of adopted) {
      const later = events.filter((event) => event.task === task && event.attempt === attempt && event.node === victim.id).map(({ state }) => state)
      t.ok(later.includes('done') && later.lastIndexOf('done') > later.indexOf('adopted'), `${task} was run there`)
    }
    t.match((await victim.client.agent()).queue, { use, waiting: 0, running: 0 })
  })
}

async function queueOf(t: Test, use: 'embedded' | 'redis'): Promise<string | undefined> {
  if (use === 'embedded') return use
  const program = needs(t, 'redis-server')
  // Both nodes share it: each has its own queue there.
  return program === undefined ? undefined : (await startRedis(t, { program })).url
}

async function textOf({ client }: Node, root: string): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of client.cat(root)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** What the node says in its log of its second start. */
function decided({ home }: Node): { held?: number; granted?: number; dropped?: number } {
  const lines = readFileSync(join(home, 'agent.log'), 'utf8').split('\n')
  return JSON.parse(lines.find((line) => line.includes('what the queue held is decided')) ?? '{}')
}
