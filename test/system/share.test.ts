import t, { type Test } from 'tap'
import { type Node, startDomain } from './launch.ts'

t.setTimeout(240_000)

const submit = ({ client }: Node, tasks: number, waitMs: number, label: string) => client.submit({ kind: 'echo', job: { tasks, waitMs }, label })
async function firstDone({ client }: Node, id: string): Promise<void> {
  for await (const event of client.events(id, { tasks: true })) if (event.is === 'task' && event.state === 'done') return
}

/** Two nodes that only submit, and one that works for both. */
async function startShared(t: Test) {
  const { nodes } = await startDomain(t, { nodes: 3, slots: 2 })
  const [ada, ben, works] = nodes
  if (ada === undefined || ben === undefined || works === undefined) throw new Error('three nodes')
  for (const { client, id } of [ada, ben]) await client.order(id, { do: 'pause' })
  return { ada, ben, works }
}

t.test('two jobs of two submitters share a node: of any two hundred tasks that are done, each has a third at least', async (t) => {
  const { ada, ben } = await startShared(t)
  const first = await submit(ada, 100_000, 4, 'first')
  await firstDone(ada, first)
  // It comes late, and the node is full of the other's by then.
  const second = await submit(ben, 100_000, 4, 'second')
  await firstDone(ben, second)
  const order: ('first' | 'second')[] = []
  const ending = new AbortController()
  const tally = async ({ client }: Node, id: string, who: 'first' | 'second') => {
    for await (const event of client.events(id, { tasks: true, signal: ending.signal })) {
      if (event.is !== 'task' || event.state !== 'done') continue
      order.push(who)
      if (order.length >= 1_000) return ending.abort()
    }
  }
  await Promise.allSettled([tally(ada, first, 'first'), tally(ben, second, 'second')])
  const shares = [0, 1, 2, 3, 4].map((at) => order.slice(at * 200, at * 200 + 200).filter((who) => who === 'first').length / 2)
  t.ok(order.length >= 1_000 && shares.every((share) => share >= 33 && share <= 67), `the first had ${shares.join(', ')} %`)
  await Promise.all([ada.client.cancel(first), ben.client.cancel(second)])
})

t.test('a small job starts within two seconds while a big one has all places, from the same submitter and from another', async (t) => {
  const { ada, ben } = await startShared(t)
  const big = await submit(ada, 10_000, 300, 'big')
  await firstDone(ada, big)
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

t.test('a job that nobody has room for says so, and goes on at once when somebody has, though it was told of none for long', async (t) => {
  const { ada, works } = await startShared(t)
  await works.client.order(works.id, { do: 'pause' })
  const id = await submit(ada, 1, 0, 'late')
  for await (const event of ada.client.events(id)) if (event.is === 'job' && event.job.waits !== undefined) break
  t.equal((await ada.client.job(id)).waits, '3 nodes are paused')
  const began = performance.now()
  await works.client.order(works.id, { do: 'resume' })
  for await (const event of ada.client.events(id)) if (event.is === 'closed') t.equal(event.job.state, 'done')
  const ms = Math.round(performance.now() - began)
  t.ok(ms < 1_500, `done ${ms} ms after the node went on: no beat was waited for`)
})
