import t from 'tap'
import { map } from '../../../src/plugins/mr/map.ts'
import { reduce } from '../../../src/plugins/mr/reduce.ts'
import { splitInput } from '../../../src/plugins/mr/split.ts'
import { type MapTask, nameOf, type ReduceTask } from '../../../src/plugins/mr/task.ts'
import { createMapStore, type KindStore, read, taskContext } from '../../fakes/kind-context.ts'
import { partsOf } from './model.ts'

/** Maps `text` in splits, and gives the reduce task of a partition. */
async function mapped(store: KindStore, text: string, splitBytes: number, k: number): Promise<ReduceTask[]> {
  const input = (await store.addBytes(Buffer.from(text))).cid
  const { index, count } = await splitInput({ input, splitBytes }, store, new AbortController().signal)
  const manifests = []
  for (let split = 0; split < count; split++) {
    const task: MapTask = { is: 'map', program: 'wordcount', input, index, split, k, ignoreCase: false }
    const { manifest, size } = await map(task, taskContext(store, task))
    manifests.push({ name: nameOf(split), cid: manifest, size })
  }
  const maps = (await store.link(manifests)).cid
  return Array.from({ length: k }, (_, partition) => ({ is: 'reduce', program: 'wordcount', maps, count, partition }))
}

t.test('merges partitions that are larger than its windows on them', async (t) => {
  const store = createMapStore()
  const text = Array.from({ length: 120_000 }, (_, i) => `a-long-word-${(i * 7919) % 90_001}-${i % 3}`).join('\n')
  const [task] = await mapped(store, text, 1 << 20, 1)
  if (task === undefined) throw new Error('no task')
  const before = store.reads.length
  const { part, words, distinct } = await reduce(task, taskContext(store, task), { windowBytes: 4096 })
  t.ok(store.reads.length - before > 100, 'read in many windows')
  const [expected] = partsOf([Buffer.from(text)], 1)
  t.equal((await read(store, part)).toString(), expected)
  t.equal(words, 120_000)
  t.equal(distinct, (expected ?? '').split('\n').length - 1)
})

t.test('words longer than a window or a chunk of output are whole', async (t) => {
  const store = createMapStore()
  const text = ['x'.repeat(700_000), 'y', 'x'.repeat(700_001), 'y', 'x'.repeat(700_000)].join('\n')
  const [task] = await mapped(store, text, 600_000, 1)
  if (task === undefined) throw new Error('no task')
  const { part } = await reduce(task, taskContext(store, task), { windowBytes: 1000 })
  t.equal((await read(store, part)).toString(), partsOf([Buffer.from(text)], 1)[0])
})

t.test('one more map changes the counts and nothing else', async (t) => {
  const store = createMapStore()
  const tasks = await mapped(store, 'b a b\n'.repeat(100_000), 64 << 10, 2)
  for (const task of tasks) {
    const { part } = await reduce(task, taskContext(store, task))
    t.equal((await read(store, part)).toString(), partsOf([Buffer.from('b a b\n'.repeat(100_000))], 2)[task.partition])
  }
})

t.test('a partition that is not in its form is BAD_DATA and says which', async (t) => {
  const store = createMapStore()
  const [good] = await mapped(store, 'one two', 1 << 20, 1)
  if (good === undefined) throw new Error('no task')
  for (const content of ['', 'garbage', '\x01\0\x03a']) {
    const broken = await store.addTree([{ path: '00000', content: Buffer.from(content) }])
    const task = { ...good, maps: (await store.link([{ ...broken, name: '00000' }])).cid }
    await t.rejects(reduce(task, taskContext(store, task)), { code: 'BAD_DATA', message: /00000\/00000/ })
  }
})

t.test('counts that sum to more than 2^53 - 1 are BAD_DATA, not a wrong number', async (t) => {
  const store = createMapStore()
  const [good] = await mapped(store, 'one', 1 << 20, 1)
  if (good === undefined) throw new Error('no task')
  const huge = Buffer.from([1, 0, 1, 0x61, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f])
  const manifest = await store.addTree([{ path: '00000', content: huge }])
  const task = { ...good, count: 2, maps: (await store.link([0, 1].map((i) => ({ ...manifest, name: nameOf(i) })))).cid }
  await t.rejects(reduce(task, taskContext(store, task)), { code: 'BAD_DATA', message: /2\^53/ })
})
