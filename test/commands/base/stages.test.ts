import t from 'tap'
import { screenOf } from '../../../src/commands/base/screen.ts'
import { isOver, namesOf, nodesText, stageBars, stageLine } from '../../../src/commands/base/stages.ts'
import type { JobView, StageView } from '../../../src/core/client/api.ts'

const { paint } = screenOf({ write: () => true }, {})
const stage = (name: string, more: Partial<StageView>): StageView => ({ name, done: 0, waiting: 0, running: 0, failed: 0, lost: 0, ...more })
const job: JobView = {
  id: 'wordcount-7f3a',
  kind: 'mr',
  state: 'open',
  term: 1,
  submitted: '',
  warnings: [],
  ms: 2500,
  stages: [stage('map', { total: 8, done: 4, running: 2, lost: 1 }), stage('reduce', { done: 0 })],
  nodes: { aaaa1111bbbb: 1, cccc: 3 },
}
const names = namesOf([
  { id: 'aaaa1111bbbb', name: 'ada' },
  { id: 'cccc', name: 'ben' },
])

t.test('a bar shows what is done, what runs and what is left', (t) => {
  t.same(stageBars(job, names, new Map(), paint), [
    'wordcount-7f3a  2.5 s',
    `map     ${'█'.repeat(12)}${'▒'.repeat(6)}${'░'.repeat(6)}  4/8  2 running  1 lost`,
    `reduce  ${'░'.repeat(24)}  0 done`,
    'nodes   ben 3 · ada 1',
  ])
  t.end()
})

t.test('a bar is never longer than its frame, and full only when all is done', (t) => {
  for (let done = 0; done <= 7; done++) {
    const [, bar = ''] = stageBars({ ...job, nodes: {}, stages: [stage('map', { total: 7, done, running: 9, failed: 0 })] }, names, new Map(), paint)
    t.equal((bar.match(/[█▒░]/g) ?? []).length, 24)
    t.equal((bar.match(/█/g) ?? []).length === 24, done === 7)
  }
  t.match(stageBars({ ...job, stages: [stage('map', { total: 0 })] }, names, new Map(), paint)[1], '█'.repeat(24), 'a stage without tasks is over')
  t.end()
})

t.test('one line says the same', (t) => {
  t.equal(stageLine(job, names, new Map(), paint), 'wordcount-7f3a  2.5 s | map 4/8  2 running  1 lost | reduce 0 done | ben 3 · ada 1')
  t.end()
})

t.test('nodes of one name are told apart, and one that is gone has its id', (t) => {
  const twins = namesOf([
    { id: 'aaaa1', name: 'pi' },
    { id: 'bbbb1', name: 'pi' },
  ])
  t.equal(nodesText({ nodes: { aaaa1: 2, bbbb1: 1, ccccddddeeee: 1 } }, twins), 'pi-aaaa 2 · ccccdddd 1 · pi-bbbb 1')
  t.end()
})

t.test('a stage is over when its source has ended and nothing is left', (t) => {
  t.notOk(isOver(stage('map', { done: 3 })))
  t.notOk(isOver(stage('map', { total: 4, done: 3 })))
  t.ok(isOver(stage('map', { total: 4, done: 3, failed: 1 })))
  t.end()
})

t.test('why nothing of a job runs stands below its bars, and at the end of its line', (t) => {
  const waiting = { ...job, waits: '3 nodes are full, 1 has no memory' }
  t.equal(stageBars(waiting, names, new Map(), paint).at(-1), 'waits   3 nodes are full, 1 has no memory')
  t.match(stageLine(waiting, names, new Map(), paint), / \| ben 3 · ada 1 \| waits: 3 nodes are full, 1 has no memory$/)
  t.end()
})
