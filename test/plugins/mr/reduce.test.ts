import { readdir } from 'node:fs/promises'
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

t.test('a table of any size gives the same part: what it has no room for goes to sorted runs on the disk', async (t) => {
  const store = createMapStore()
  const text = Array.from({ length: 60_000 }, (_, i) => `${i % 7 === 0 ? 'a-rather-long-word-' : ''}${(i * 7919) % 25_013}`).join('\n')
  const [task] = await mapped(store, text, 200_000, 1)
  if (task === undefined) throw new Error('no task')
  const [expected = ''] = partsOf([Buffer.from(text)], 1)
  for (const limitBytes of [90_000, 1 << 20, 64 << 20]) {
    const scratch = t.testdir()
    const { part, words, distinct } = await reduce(task, taskContext(store, task, { scratch }), { limitBytes })
    t.ok((await read(store, part)).equals(Buffer.from(expected)), `a table of ${limitBytes} bytes`)
    t.equal(words, 60_000)
    t.equal(distinct, expected.split('\n').length - 1)
    const runs = (await readdir(scratch)).length
    t.ok(limitBytes === 64 << 20 ? runs === 0 : runs > 1, `${runs} runs`)
  }
})

t.test('words longer than a chunk of output, or of a run, are whole', async (t) => {
  const store = createMapStore()
  const text = ['x'.repeat(700_000), 'y', 'x'.repeat(700_001), 'y', 'z', 'x'.repeat(700_000)].join('\n')
  const [task] = await mapped(store, text, 600_000, 1)
  if (task === undefined) throw new Error('no task')
  const [expected] = partsOf([Buffer.from(text)], 1)
  for (const limitBytes of [1_300_000, 64 << 20]) {
    const { part } = await reduce(task, taskContext(store, task, { scratch: t.testdir() }), { limitBytes })
    t.equal((await read(store, part)).toString(), expected)
  }
})

t.test('a word that alone is larger than the table is TABLE_FULL, not an endless spilling', async (t) => {
  const store = createMapStore()
  const [task] = await mapped(store, 'x'.repeat(700_000), 1 << 20, 1)
  if (task === undefined) throw new Error('no task')
  await t.rejects(reduce(task, taskContext(store, task, { scratch: t.testdir() }), { limitBytes: 400_000 }), { code: 'TABLE_FULL' })
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
  for (const content of ['', 'garbage', '\x01\x03a', '\x01\x03a b\x01']) {
    const broken = await store.addTree([{ path: '00000', content: Buffer.from(content) }])
    const task = { ...good, maps: (await store.link([{ ...broken, name: '00000' }])).cid }
    await t.rejects(reduce(task, taskContext(store, task)), { code: 'BAD_DATA', message: /00000\/00000/ })
  }
})

t.test('counts that sum to more than 2^53 - 1 are BAD_DATA, not a wrong number', async (t) => {
  const store = createMapStore()
  const [good] = await mapped(store, 'one', 1 << 20, 1)
  if (good === undefined) throw new Error('no task')
  const huge = Buffer.from([1, 1, 0x61, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f])
  const manifest = await store.addTree([{ path: '00000', content: huge }])
  const task = { ...good, count: 2, maps: (await store.link([0, 1].map((i) => ({ ...manifest, name: nameOf(i) })))).cid }
  await t.rejects(reduce(task, taskContext(store, task)), { code: 'BAD_DATA', message: /2\^53/ })
})
