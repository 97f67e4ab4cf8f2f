import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { mr } from '../../../src/plugins/mr/kind.ts'
import { nameOf, partName } from '../../../src/plugins/mr/task.ts'
import { createMapStore, type JobRunOptions, type KindStore, read, runJob } from '../../fakes/kind-context.ts'
import { shuffler } from '../../fakes/random.ts'
import { partsOf } from './model.ts'

interface Asked {
  readonly k?: number
  readonly splitBytes?: number
  readonly ignoreCase?: boolean
  readonly chunkBytes?: number
}

/** Runs a job over these files. Splits may be smaller here than users may ask for: the job goes to the coordinator unchecked. */
async function count(files: Readonly<Record<string, Uint8Array | string>>, asked: Asked = {}, options: JobRunOptions = {}) {
  const { k = 3, splitBytes = 16 << 20, ignoreCase = false, chunkBytes = 1 << 20 } = asked
  const store = createMapStore({ chunkBytes })
  const input = await store.addTree(Object.entries(files).map(([path, content]) => ({ path, content: Buffer.from(content) })))
  const job = { program: 'wordcount', input: input.cid, k, splitBytes, ignoreCase } as const
  const { root, warnings, results } = await runJob({ ...mr, schema: { ...mr.schema, job: unchecked } }, job, store, options)
  return { root, warnings, results, store, parts: await partsIn(store, root.cid) }
}

const unchecked = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value: value as never }) } } as const

async function partsIn(store: KindStore, root: string): Promise<string[]> {
  const parts: string[] = []
  for await (const { name } of store.ls(root)) {
    if (name !== partName(parts.length)) throw new RangeError(`${name} is not ${partName(parts.length)}`)
    parts.push((await read(store, `${root}/${name}`)).toString('latin1'))
  }
  return parts
}

const odd: Record<string, Record<string, Uint8Array | string>> = {
  'no newline at the end': { 'a.txt': 'one two\ntwo three' },
  'a word at a file’s end and the next file’s start': { 'a.txt': 'one two', 'b.txt': 'three', 'c.txt': ' four' },
  'only white space': { 'a.txt': ' \t\n\v\f\r \n\n' },
  'NUL and other control characters within words': { 'a.txt': Buffer.from('a\0b \0 \x01a \0\0 a\0 a b\x1f \x08\n\x7f a\0b\n', 'latin1') },
  'bytes that are no UTF-8': { 'a.txt': Buffer.from([0xff, 0x20, 0xc3, 0x0a, 0xc3, 0x28, 0x20, 0xff, 0x20, 0x80, 0x85, 0xa0, 0x0a]) },
  'CRLF, VT and FF': { 'a.txt': 'one\r\ntwo\vtwo\fone\r\n\r\n' },
  'leading and trailing blanks': { 'a.txt': '   one  \n\t two \n  ' },
  'files of one byte': { a: 'x', b: 'y', c: 'x', d: '\n', e: ' ' },
  'empty files between others': { a: '', b: 'one two', c: '', 'd/e': '', 'd/f': 'two', z: '' },
  'names that sort by bytes': { 'a.b': 'one', 'a/b': 'two', ä: 'three', A: 'four', 'a b': 'five' },
  'words of every length around 4, 8 and 12 bytes': {
    a: Array.from({ length: 40 }, (_, n) => 'abcdefghijklm'.repeat(4).slice(0, n))
      .join(' ')
      .repeat(3),
  },
}

t.test('equals what tr, sort and uniq say', async (t) => {
  for (const [name, files] of Object.entries(odd)) {
    const { parts } = await count(files)
    t.same(sorted(parts), shell(t.testdir(), files), name)
  }
})

t.test('equals the model, whatever the splits, chunks and partitions', async (t) => {
  for (const [name, files] of Object.entries(odd)) {
    for (const asked of [{}, { splitBytes: 2 }, { splitBytes: 7, chunkBytes: 3, k: 1 }, { splitBytes: 16, k: 64 }, { chunkBytes: 1, k: 7, ignoreCase: true }]) {
      const { parts } = await count(files, asked)
      t.same(
        parts,
        partsOf(
          Object.values(files).map((file) => Buffer.from(file)),
          asked.k ?? 3,
          asked.ignoreCase,
        ),
        `${name} ${JSON.stringify(asked)}`,
      )
    }
  }
})

t.test('any bytes in any files, cut anywhere, give the same parts as the model', async (t) => {
  // Few letters, so that words repeat, and all that ends a word or looks as if it did.
  const byte = fc.constantFrom(...Buffer.from('aabcdAB \n\n\t\r\v\f\0\x1f\x85\xa0\xff!', 'latin1'))
  const file = fc.uint8Array({ maxLength: 300 }).chain((any) =>
    fc.oneof(
      fc.constant(any),
      fc.array(byte, { maxLength: 300 }).map((bytes) => Uint8Array.from(bytes)),
    ),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(file, { minLength: 1, maxLength: 6 }),
      fc.record({
        k: fc.constantFrom(1, 3, 7, 64),
        splitBytes: fc.integer({ min: 1, max: 400 }),
        chunkBytes: fc.integer({ min: 1, max: 64 }),
        ignoreCase: fc.boolean(),
      }),
      async (files, asked) => {
        const { parts } = await count(Object.fromEntries(files.map((file, i) => [nameOf(i), file])), asked)
        t.same(parts, partsOf(files, asked.k, asked.ignoreCase))
      },
    ),
    { numRuns: 100, seed: 20_240_607 },
  )
})

t.test('the same root for any size of split and any order of outcomes', async (t) => {
  const words = Array.from({ length: 60_000 }, (_, i) => `${(i * i) % 9973}${i % 11 === 0 ? '\n' : ' '}`)
  const files = { 'a.txt': words.slice(0, 40_000).join(''), 'b.txt': words.slice(40_000).join('') }
  const { root } = await count(files)
  for (const splitBytes of [16 << 10, 50_000, 64 << 10, 1 << 30]) t.equal((await count(files, { splitBytes })).root.cid, root.cid, `${splitBytes}`)
  const order = shuffler(7)
  for (let round = 0; round < 3; round++) t.equal((await count(files, { splitBytes: 16 << 10 }, { order })).root.cid, root.cid)
})

t.test('a record longer than a split is counted once', async (t) => {
  const line = `${'long '.repeat(5000)}\n`
  const { parts, results } = await count({ a: `short\n${line}${line}end` }, { splitBytes: 1000, k: 1 })
  t.same(parts, ['end\t1\nlong\t10000\nshort\t1\n'])
  t.ok(results.size > 50)
})

t.test('an empty input gives all parts, empty, and a warning', async (t) => {
  for (const files of [{}, { a: '' }]) {
    const { parts, warnings } = await count(files, { k: 4 })
    t.same(parts, ['', '', '', ''])
    t.same(warnings, ['The input is empty'])
  }
  t.same((await count({ a: ' \n' })).warnings, ['The input has no words'])
  t.same((await count({ a: 'word' })).warnings, [])
})

t.test('an input that is one file is counted as it would be in a folder', async (t) => {
  const store = createMapStore()
  const file = await store.addBytes(Buffer.from('one two two\n'.repeat(10_000)))
  const { root } = await runJob(mr, { program: 'wordcount', input: file.cid, splitBytes: 64 << 10 }, store)
  t.same(await partsIn(store, root.cid), partsOf([await read(store, file.cid)], 3))
})

t.test('a map task names what it made in one address, and its result is small with 1,024 partitions', async (t) => {
  const { results, parts } = await count({ a: Array.from({ length: 5000 }, (_, i) => `w${i}`).join(' ') }, { k: 1024 })
  t.equal(parts.length, 1024)
  t.match(results.get('map/00000'), { is: 'map', words: 5000, distinct: 5000 })
})

/** The oracle: a file's end is a record's end, leading blanks make no empty word. */
function shell(folder: string, files: Readonly<Record<string, Uint8Array | string>>): string[] {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  const script = `for f in "$@"; do cat "$f"; echo; done | LC_ALL=C tr -s '[:space:]' '\\n' | LC_ALL=C sed '/^$/d' | LC_ALL=C sort | uniq -c`
  const out = execFileSync('sh', ['-c', script, 'sh', ...Object.keys(files)], { cwd: folder, encoding: 'latin1' })
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^ *(\d+) (.*)$/s, '$2\t$1'))
    .sort()
}

function sorted(parts: readonly string[]): string[] {
  return parts.flatMap((part) => part.split('\n').slice(0, -1)).sort()
}
