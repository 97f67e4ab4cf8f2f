import t, { type Test } from 'tap'
import { type Node, startDomain } from './launch.ts'

t.setTimeout(240_000)

const submit = ({ client }: Node, tasks: number, waitMs: number, label: string) => client.submit({ kind: 'echo', job: { tasks, waitMs }, label })
const doneOf = async ({ client }: Node, id: string) => (await client.job(id)).stages[0]?.done ?? 0

/** Two nodes that only submit, and one that works for both. */
async function startShared(t: Test) {
  const { nodes } = await startDomain(t, { nodes: 3, slots: 2 })
  const [ada, ben, works] = nodes
  if (ada === undefined || ben === undefined || works === undefined) throw new Error('three nodes')
  for (const { client, id } of [ada, ben]) await client.order(id, { do: 'pause' })
  return { ada, ben, works }
}

t.test('two jobs of two submitters share a node: each has a third at least of what is done in any two seconds', async (t) => {
  const { ada, ben } = await startShared(t)
  const first = await submit(ada, 100_000, 4, 'first')
  for await (const event of ada.client.events(first, { tasks: true })) if (event.is === 'task' && event.state === 'done') break
  // It comes late, and the node is full of the other's by then.
  const second = await submit(ben, 100_000, 4, 'second')
  for await (const event of ben.client.events(second, { tasks: true })) if (event.is === 'task' && event.state === 'done') break
  let before = [await doneOf(ada, first), await doneOf(ben, second)]
  const shares: number[] = []
  for (let window = 0; window < 5; window++) {
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    const now = [await doneOf(ada, first), await doneOf(ben, second)]
    const [a = 0, b = 0] = now.map((done, at) => done - (before[at] ?? 0))
    before = now
    shares.push(Math.round((100 * Math.min(a, b)) / (a + b)))
    t.comment(`${a} and ${b} tasks`)
  }
  t.ok(
    shares.every((share) => share >= 33),
    `the smaller share was ${shares.join(', ')} %`,
  )
  await Promise.all([ada.client.cancel(first), ben.client.cancel(second)])
})

t.test('a small job starts within two seconds while a big one has all places, from the same submitter and from another', async (t) => {
  const { ada, ben } = await startShared(t)
  const big = await submit(ada, 10_000, 300, 'big')
  for await (const event of ada.client.events(big, { tasks: true })) if (event.is === 'task' && event.state === 'done') break
  for (const [who, node] of [
    ['the same', ada],
    ['another', ben],
  ] as const) {
    const began = performance.now()
    const small = await submit(node, 1, 0, 'small')
    for await (const event of node.client.events(small)) if (event.is === 'closed') t.equal(event.job.state, 'done')
    const ms = Math.round(performance.now() - began)
    t.ok(ms < 2_000, `from ${who}: done in ${ms} ms`)
  }
  t.equal((await ada.client.job(big)).state, 'open')
  await ada.client.cancel(big)
})
