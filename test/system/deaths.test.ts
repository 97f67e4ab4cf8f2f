/**
 * Kills at the worst moment, told by the journal's own events: whatever dies, the root is the one that a quiet run gives, and
 * nothing is left behind.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { JobEvent, JobView } from '../../src/core/views.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { needs } from '../services.ts'
import { follow, partsOf, submitCount } from './count.ts'
import { type Broker, type Node, startDomain, startEmbeddedBroker, type TestDomain } from './launch.ts'
import { asOracle, oracle } from './oracle.ts'
import { writeTexts } from './text.ts'

t.setTimeout(600_000)

type TaskEvent = JobEvent & { is: 'task' }

/** Long enough that a kill finds attempts under way, and work for all nodes in both stages. */
const shape = { k: 12, splitBytes: 512 << 10 }
const inputs = { files: 6, bytes: 12 << 20, seed: 11 }

/** Of a quiet run: what every other must give. */
let expected = ''

t.test('a quiet run gives the root by which the others are measured', async (t) => {
  const { domain, files } = await open(t)
  const job = await follow(domain.first, await submitCount(domain.first, { files, ...shape }))
  expected = job.root?.cid ?? ''
  t.equal(asOracle(await partsOf(domain.first, expected)), oracle(files))
  await leavesNothing(t, domain)
})

t.test('an agent killed in map stays dead: its finished map outputs are made again', async (t) => {
  const { domain, files } = await open(t)
  const victim = domain.nodes[1]
  const events = await run(t, domain, files, async (event, seen) => {
    const ofVictim = seen.filter(({ node, state }) => node === victim?.id && state === 'done')
    if (event.stage === 'map' && event.state === 'running' && event.node === victim?.id && ofVictim.length >= 2) await victim.kill9()
  })
  t.ok(lostAndOfferedAgain(events), 'an attempt was lost and offered again')
  t.ok(
    events.some(({ state, stage }) => state === 'withdrawn' && stage === 'map'),
    'a finished output was lost with its node and withdrawn',
  )
  await leavesNothing(t, domain)
})

t.test('an agent killed in reduce', async (t) => {
  const { domain, files } = await open(t)
  const victim = domain.nodes[2]
  const events = await run(t, domain, files, async (event) => {
    if (event.stage === 'reduce' && event.state === 'running' && event.node === victim?.id) await victim.kill9()
  })
  t.ok(lostAndOfferedAgain(events), 'an attempt was lost and offered again')
  await leavesNothing(t, domain)
})

t.test('the coordinating agent killed and started again: it goes on, and runs no finished task again', async (t) => {
  const { domain, files } = await open(t)
  const { first } = domain
  const id = await submitCount(first, { files, ...shape })
  const finished = new Set<string>()
  await follow(first, id, async ({ state, task }) => {
    if (state === 'done') finished.add(task)
    if (finished.size === 8) await first.kill9()
  }).catch(() => {}) // the stream breaks with its agent
  t.ok(finished.size >= 8, `${finished.size} tasks were done`)
  await first.restart()
  const again = new Set<string>()
  const job = await follow(first, id, ({ state, task }) => {
    if (state === 'offered') again.add(task)
  })
  same(t, job)
  t.ok(job.term >= 2, 'under a higher term')
  // What was journalled within the last moments before the kill may not be on disk; results that nodes hold are adopted.
  const twice = [...finished].filter((task) => again.has(task))
  t.same(twice, [], 'no finished task was offered again')
  t.ok(again.size > 0, 'what was lost with it was offered again')
  await leavesNothing(t, domain)
})

for (const kind of ['embedded', 'mosquitto'] as const) {
  t.test(`the broker (${kind}) killed and started again empty`, async (t) => {
    const broker = await startBroker(t, kind)
    if (broker === undefined) return
    const { domain, files } = await open(t, broker)
    let killed = false
    await run(t, domain, files, async (event, seen) => {
      if (killed || event.state !== 'done' || seen.filter(({ state }) => state === 'done').length < 5) return
      killed = true
      await broker.kill9()
      await broker.restart()
    })
    t.ok(killed)
    for (const { home } of domain.nodes)
      t.match(readFileSync(join(home, 'agent.log'), 'utf8'), /"is":"down"[\s\S]*"is":"up"/, 'the node lost the broker and came back')
    await leavesNothing(t, domain)
  })
}

t.test('an agent stopped for 15 s: its attempts are given to others, and it comes back', async (t) => {
  const { domain, files } = await open(t)
  const victim = domain.nodes[1]
  let woken: Promise<void> | undefined
  const events = await run(t, domain, files, (event, seen) => {
    const ofVictim = seen.filter(({ node, state }) => node === victim?.id && state === 'done')
    if (woken !== undefined || event.state !== 'running' || event.node !== victim?.id || ofVictim.length === 0) return
    victim?.signal('SIGSTOP')
    woken = new Promise((resolve) => {
      setTimeout(() => {
        victim?.signal('SIGCONT')
        resolve()
      }, 15_000)
    })
  })
  t.ok(lostAndOfferedAgain(events), 'an attempt was lost and offered again')
  await woken
  await isBack(domain.first, victim)
  const job = await follow(domain.first, await submitCount(domain.first, { files, ...shape }))
  same(t, job)
  await leavesNothing(t, domain)
})

async function open(t: Test, broker?: Broker): Promise<{ domain: TestDomain; files: string[] }> {
  const files = await writeTexts(join(t.testdir(), 'in'), inputs)
  return { domain: await startDomain(t, { nodes: 3, ...(broker === undefined ? {} : { broker }) }), files }
}

async function startBroker(t: Test, kind: 'embedded' | 'mosquitto'): Promise<Broker | undefined> {
  if (kind === 'embedded') return startEmbeddedBroker(t)
  const program = needs(t, 'mosquitto')
  return program === undefined ? undefined : startMosquitto(t, { program })
}

/** Counts, with `strike` at each event of a task; the root must be the expected one. */
async function run(
  t: Test,
  { first }: TestDomain,
  files: string[],
  strike: (event: TaskEvent, seen: readonly TaskEvent[]) => void | Promise<void>,
): Promise<TaskEvent[]> {
  const seen: TaskEvent[] = []
  const job = await follow(first, await submitCount(first, { files, ...shape }), async (event) => {
    seen.push(event)
    await strike(event, seen)
  })
  same(t, job)
  return seen
}

function same(t: Test, job: JobView): void {
  t.match(job, { state: 'done' }, job.error?.message ?? 'done')
  t.equal(job.root?.cid, expected, 'the root of the quiet run')
}

function lostAndOfferedAgain(events: readonly TaskEvent[]): boolean {
  const lost = events.findIndex(({ state }) => state === 'lost')
  const { task } = events[lost] ?? {}
  return lost >= 0 && events.slice(lost).some((event) => event.task === task && event.state === 'offered')
}

async function isBack(first: Node, victim: Node | undefined): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if ((await first.client.nodes()).some(({ id, state }) => id === victim?.id && state === 'up')) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('the node did not come back')
}

/** Who was killed comes back by itself when it is started again; after all have stopped: no process, no open port, no folder of an attempt. */
async function leavesNothing(t: Test, { nodes, dir, first }: TestDomain): Promise<void> {
  for (const node of nodes) {
    if (existsSync(`/proc/${node.pid}`)) continue
    await node.restart()
    await isBack(first, node)
  }
  const seen = await Promise.all(
    nodes.map(async ({ pid, home, client }) => ({
      pid,
      home,
      url: await client.agent().then(
        ({ gateway }) => gateway.url,
        () => undefined,
      ),
    })),
  )
  await Promise.all(nodes.map((node) => node.stop()))
  for (const { pid, home, url } of seen) {
    t.notOk(existsSync(`/proc/${pid}`), `process ${pid} is gone`)
    if (url !== undefined) await t.rejects(fetch(`${url}/health`), 'its port is closed')
    t.same(existsSync(join(home, 'scratch')) ? readdirSync(join(home, 'scratch')) : [], [], 'no folder of an attempt')
    t.notOk(existsSync(join(home, 'agent.sock')) && url !== undefined, 'no socket')
  }
  t.same(
    readdirSync(dir).filter((name) => !name.startsWith('node-')),
    [],
    'nothing beside the homes',
  )
}
