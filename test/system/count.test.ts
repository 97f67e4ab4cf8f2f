import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startMosquitto } from '../services/mosquitto.ts'
import { needs } from '../services.ts'
import { follow, partsOf, submitCount, tookPart } from './count.ts'
import { startDomain } from './launch.ts'
import { asOracle, oracle } from './oracle.ts'
import { writeTexts } from './text.ts'

t.setTimeout(240_000)

/** Of the first test, by which the others are measured. */
let expected = ''

const input = (t: Test) => writeTexts(join(t.testdir(), 'in'), { files: 5, bytes: 1_500_000, seed: 7 })

t.test('the same root with 1, 2, 3 and 5 agents and on a second run; the parts equal the shell’s count', async (t) => {
  const files = await input(t)
  const roots = new Set<string>()
  for (const count of [1, 2, 3, 5]) {
    await t.test(`${count} agents`, async (t) => {
      const domain = await startDomain(t, { nodes: count })
      const job = await follow(domain.first, await submitCount(domain.first, { files }))
      t.equal(job.state, 'done')
      const root = job.root?.cid ?? ''
      roots.add(root)
      t.equal(asOracle(await partsOf(domain.first, root)), oracle(files))
      if (count > 1) await tookPart(t, domain.nodes, job.nodes)
      if (count === 3) {
        const again = await follow(domain.first, await submitCount(domain.first, { files, splitBytes: 100_000 }))
        t.equal(again.root?.cid, root, 'a second run, cut otherwise')
      }
    })
  }
  t.equal(roots.size, 1)
  expected = [...roots][0] ?? ''
})

t.test('the same root over mosquitto', async (t) => {
  const program = needs(t, 'mosquitto')
  if (program === undefined) return
  const files = await input(t)
  const domain = await startDomain(t, { nodes: 3, broker: await startMosquitto(t, { program }) })
  const job = await follow(domain.first, await submitCount(domain.first, { files }))
  t.equal(asOracle(await partsOf(domain.first, job.root?.cid ?? '')), oracle(files))
  t.equal(job.root?.cid, expected, 'as over the embedded broker')
  await tookPart(t, domain.nodes, job.nodes)
})

t.test('a task costs at most four messages, presence and beats apart; no event loop is blocked over 50 ms', async (t) => {
  const files = await input(t)
  let seen = await runCounted(t, files)
  t.ok(seen.tasks > 20 && seen.messages > 0 && seen.messages <= 4 * seen.tasks, `${seen.messages} messages for ${seen.tasks} tasks`)
  // A block that our code makes comes each time; one that the machine makes, whose disk or processors others use, does not.
  for (let run = 1; run < 3 && seen.blocked > 50; run++) {
    t.comment(`blocked for ${seen.blocked} ms: once more`)
    seen = await runCounted(t, files)
  }
  t.ok(seen.blocked <= 50, `blocked for ${seen.blocked} ms`)
})

/** One job in a domain of its own: its tasks, the messages they took, and the longest block of an event loop. */
async function runCounted(t: Test, files: readonly string[]): Promise<{ tasks: number; messages: number; blocked: number }> {
  const domain = await startDomain(t, { nodes: 3 })
  const before = await Promise.all(domain.nodes.map(({ client }) => client.agent()))
  const job = await follow(domain.first, await submitCount(domain.first, { files }))
  const after = await Promise.all(domain.nodes.map(({ client }) => client.agent()))
  // A grant answers a beat.
  const ofTasks = ([type]: [string, number]) => !type.startsWith('node.') && type !== 'lease.grant'
  const sent = (views: typeof after) =>
    views
      .flatMap(({ messages }) => Object.entries(messages.sent))
      .filter(ofTasks)
      .reduce((sum, [, count]) => sum + count, 0)
  return {
    tasks: Object.values(job.nodes).reduce((sum, count) => sum + count, 0),
    messages: sent(after) - sent(before),
    blocked: Math.max(...after.map(({ loopMaxMs }) => loopMaxMs)),
  }
}
