import { appendFile, open, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { fold, type JournalEntry, type Opened, openJournals } from '../../../src/core/job/journal.ts'
import { type Log, silent } from '../../../src/core/log.ts'
import type { JobView } from '../../../src/core/views.ts'

const journalsIn = (dir: string, log: Log = silent) => openJournals({ dir, log, onStuck() {} })
const opened = (job: string, wall = 1): Opened => ({ is: 'opened', job, kind: 'toy@1', value: { tasks: 3 }, nodes: 2, wall })
const committed = (task: string): JournalEntry => ({ is: 'committed', task, stage: 's', node: 'a', term: 1, attempt: 1, result: new Uint8Array([1]) })
const charged = (task: string): JournalEntry => ({ is: 'charged', task, node: 'a', error: { code: 'TASK_FAILED', message: 'no' }, retry: 'elsewhere' })
const view = (id: string): JobView => ({ id, kind: 'toy@1', state: 'done', term: 1, submitted: '', stages: [], nodes: {}, warnings: [], ms: 1 })

t.test('a job comes back as it was left: results, withdrawals, charges, the highest term', async (t) => {
  const dir = t.testdir()
  const journal = await journalsIn(dir).create(opened('job-1'))
  for (const entry of [
    { is: 'term', term: 2 } as const,
    committed('s/1'),
    committed('s/2'),
    { is: 'withdrawn', task: 's/1' } as const,
    charged('s/3'),
    charged('s/3'),
  ]) {
    await journal.append(entry, { now: true })
  }
  await journal.close()
  const [loaded] = await journalsIn(dir).load()
  await loaded?.journal?.close()
  t.same(loaded?.record.opened, opened('job-1'))
  t.equal(loaded?.record.term, 2)
  t.same([...(loaded?.record.committed.keys() ?? [])], ['s/2'])
  t.equal(loaded?.record.charged.get('s/3')?.length, 2)
  t.equal(loaded?.record.closed, undefined)
})

t.test('a closed job keeps what a list shows, and not what it was given', async (t) => {
  const dir = t.testdir()
  const journals = journalsIn(dir)
  const journal = await journals.create(opened('job-1'))
  for (let i = 0; i < 100; i++) void journal.append(committed(`s/${i}`))
  await journal.closeJob(view('job-1'))
  t.ok((await stat(join(dir, 'job-1.log'))).size < 400)
  const [loaded] = await journalsIn(dir).load()
  t.equal(loaded?.journal, undefined)
  t.same(loaded?.record.closed, view('job-1'))
  t.equal(loaded?.record.opened.value, undefined)
  await journals.remove('job-1')
  t.same(await journalsIn(dir).load(), [])
})

t.test('jobs are listed the oldest first', async (t) => {
  const dir = t.testdir()
  const journals = journalsIn(dir)
  for (const [job, wall] of [
    ['job-b', 3],
    ['job-c', 1],
    ['job-a', 2],
  ] as const)
    await (await journals.create(opened(job, wall))).close()
  const loaded = await journals.load()
  t.same(
    loaded.map(({ record }) => record.opened.job),
    ['job-c', 'job-a', 'job-b'],
  )
  for (const { journal } of loaded) await journal?.close()
})

t.test('a job whose submit was never answered leaves nothing', async (t) => {
  const dir = t.testdir({ 'job-1.log': '', 'job-2.log': 'torn', 'other.txt': 'not ours' })
  t.same(await journalsIn(dir).load(), [])
  t.same(await readdir(dir), ['other.txt'])
})

t.test('a damaged journal fails its job alone, is kept aside, and the failure can be listed', async (t) => {
  const dir = t.testdir()
  const journals = journalsIn(dir)
  for (const job of ['job-1', 'job-2']) {
    const journal = await journals.create(opened(job))
    await journal.append(committed('s/1'), { now: true })
    await journal.append(committed('s/2'), { now: true })
    await journal.close()
  }
  const { size } = await stat(join(dir, 'job-1.log'))
  const file = await open(join(dir, 'job-1.log'), 'r+')
  await file.write(new Uint8Array([0xaa, 0xbb]), 0, 2, size - 100)
  await file.close()
  const said: string[] = []
  const loud = { ...silent, error: (_: object, message: string) => void said.push(message) }
  for (const round of ['at once', 'and later']) {
    const loaded = await journalsIn(dir, loud).load()
    const one = loaded.find(({ record }) => record.opened.job === 'job-1')
    t.match(one, { journal: undefined, record: { closed: { state: 'failed', error: { code: 'JOURNAL_DAMAGED' } } } }, round)
    t.equal(loaded.find(({ record }) => record.opened.job === 'job-2')?.record.committed.size, 2, 'the other goes on')
    for (const { journal } of loaded) await journal?.close()
  }
  t.match(said, [/kept aside/], 'said once')
  t.ok((await readdir(dir)).includes('job-1.log.damaged'))
})

t.test('the folder of journals cannot be made: the job is refused', async (t) => {
  const dir = t.testdir({ file: 'in the way' })
  await t.rejects(journalsIn(join(dir, 'file', 'journal')).create(opened('job-1')), { code: 'IO' })
})

t.test('a journal cut at any byte is a beginning of it', async (t) => {
  const dir = t.testdir()
  const journal = await journalsIn(dir).create(opened('job-1'))
  for (let i = 0; i < 5; i++) await journal.append(committed(`s/${i}`), { now: true })
  await journal.close()
  const path = join(dir, 'job-1.log')
  const { readFile } = await import('node:fs/promises')
  const whole = await readFile(path)
  for (let length = whole.length - 1; length > 0; length -= 7) {
    await writeFile(path, whole.subarray(0, length))
    const [loaded] = await journalsIn(dir).load()
    const names = [...(loaded?.record.committed.keys() ?? [])]
    t.same(names, ['s/0', 's/1', 's/2', 's/3', 's/4'].slice(0, names.length))
    await loaded?.journal?.close()
  }
  await appendFile(path, '')
})

t.test('replay is idempotent: all records twice come to the same', async () => {
  const task = fc.constantFrom('s/1', 's/2', 's/3')
  const entry: fc.Arbitrary<JournalEntry> = fc.oneof(
    task.map(committed),
    task.map((task): JournalEntry => ({ is: 'withdrawn', task })),
    fc.nat(9).map((term): JournalEntry => ({ is: 'term', term })),
  )
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      const all = [opened('job-1'), ...entries]
      t.same(fold(all), fold(all))
      t.same(fold([...all, ...all]), fold(all))
    }),
    { seed: 3 },
  )
})
