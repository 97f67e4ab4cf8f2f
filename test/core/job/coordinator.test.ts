import t from 'tap'
import { Cluster, ended, rootOf, squares, toyKind } from './cluster.ts'

t.test('a job runs its tasks on all nodes and ends with its root', async (t) => {
  const cluster = new Cluster()
  const nodes = ['a', 'b', 'c'].map((id) => cluster.add({ id }))
  const coordinator = await cluster.start(t, toyKind(squares), { dir: t.testdir() })
  const id = await coordinator.submit({ kind: 'toy', job: { tasks: 100 } })
  t.match(id, /^toy-[a-z2-7]{8}$/)
  const view = await ended(coordinator, id)
  t.match(view, { state: 'done', root: rootOf({ tasks: 100 }), stages: [{ name: 'square', total: 100, done: 100, waiting: 0, running: 0, failed: 0 }] })
  t.equal(
    nodes.reduce((sum, { ran }) => sum + ran.length, 0),
    100,
    'each once',
  )
  t.ok(nodes.every(({ ran }) => ran.length > 0))
})
