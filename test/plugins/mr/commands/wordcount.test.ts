import { readdir, readFile, writeFile } from 'node:fs/promises'
import t from 'tap'
import { createClient } from '../../../../src/core/client/client.ts'
import { fakeHome, ipdc, root } from '../../../commands/cli.ts'

const text = 'the cat and the hat\n'

async function linesOf(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).sort()
  const texts = await Promise.all(names.map((name) => readFile(`${folder}/${name}`, 'utf8')))
  return texts.join('').trim().split('\n').sort()
}

t.test('stdout is the root, the files lie in a folder named by the job', async (t) => {
  const { home, fake } = await fakeHome(t)
  const cwd = t.testdir({ 'book.txt': text })
  const ran = await ipdc(['mr', 'wordcount', 'book.txt'], { home, cwd })
  t.equal(ran.status, 0)
  const [job] = fake.jobs
  t.equal(ran.stdout, `${job?.root?.cid}\n`)
  t.match(job?.id, /^wordcount-/)
  t.same((await readdir(`${cwd}/ipdc-${job?.id}`)).sort(), ['part-00000', 'part-00001', 'part-00002'])
  t.same(await linesOf(`${cwd}/ipdc-${job?.id}`), ['and\t1', 'cat\t1', 'hat\t1', 'the\t2'])
  t.match(ran.stderr, `Wrote 3 files, 24 B, to ./ipdc-${job?.id}\n`)
})

t.test('--json gives one object: job, root, parts, tasks, nodes, ms', async (t) => {
  const { home, fake } = await fakeHome(t)
  const cwd = t.testdir({ 'book.txt': text })
  const ran = await ipdc(['mr', 'wordcount', 'book.txt', '--k', '2', '--output', 'counts', '--json'], { home, cwd })
  t.equal(ran.stderr, '')
  const [job] = fake.jobs
  t.match(JSON.parse(ran.stdout), {
    job: job?.id,
    root: job?.root?.cid,
    tasks: 6,
    nodes: job?.nodes,
    ms: 1234,
    parts: [
      { name: 'part-00000', cid: /^bafkrei/, size: 0 },
      { name: 'part-00001', cid: /^bafkrei/, size: 24 },
    ],
  })
  t.same((await readdir(`${cwd}/counts`)).sort(), ['part-00000', 'part-00001'])
})

t.test('inputs are files, folders, globs, addresses and -, all of them together', async (t) => {
  const { home, fake } = await fakeHome(t)
  const cwd = t.testdir({
    'a.txt': 'a',
    dir: { 'b.txt': 'b', '.hidden': 'no', deep: { 'c.txt': 'c' } },
    globbed: { 'd.md': 'd', 'e.txt': 'no' },
    b: { 'a.txt': 'f' },
  })
  const address = `${fake.addDirectory({ g: fake.add('g') })}/g`
  const ran = await ipdc(['mr', 'wordcount', 'a.txt', 'dir', 'globbed/*.md', 'b/a.txt', address, '-', '--output', 'counts'], { home, cwd, input: 'h' })
  t.equal(ran.status, 0, ran.stderr)
  t.same(await linesOf(`${cwd}/counts`), ['a\t1', 'b\t1', 'c\t1', 'd\t1', 'f\t1', 'g\t1', 'h\t1'])
})

t.test('one address alone is counted where it lies', async (t) => {
  const { home, fake } = await fakeHome(t)
  const ran = await ipdc(['mr', 'wordcount', fake.add('x y x'), '--output', 'counts'], { home, cwd: t.testdir() })
  t.equal(ran.status, 0)
  t.notOk(fake.asked.includes('POST /v1/store/file') || fake.asked.includes('POST /v1/store/paths'))
})

t.test('without INPUT standard input is counted when it is a pipe, else a text that comes with ipdc', async (t) => {
  const { home } = await fakeHome(t)
  const cwd = t.testdir()
  const piped = await ipdc(['mr', 'wordcount', '--output', 'piped', '--ignore-case'], { home, cwd, input: 'One one TWO' })
  t.equal(piped.status, 0)
  t.same(await linesOf(`${cwd}/piped`), ['one\t2', 'two\t1'])
  const sample = await ipdc(['mr', 'wordcount', '--output', 'sample'], { home, cwd })
  t.equal(sample.status, 0)
  t.match(sample.stderr, /^No INPUT: counting the words of .*examples\/book\.txt\. Yours: ipdc mr wordcount FILE/)
  const words = (await readFile(`${root}/examples/book.txt`, 'utf8')).split(/\s+/).filter((word) => word !== '')
  t.equal((await linesOf(`${cwd}/sample`)).length, new Set(words).size)
})

t.test('an input that is missing ends with 66 and names the nearest', async (t) => {
  const { home, fake } = await fakeHome(t)
  const cwd = t.testdir({ 'book.txt': text, dir: { 'notes.md': '' } })
  const cases = [
    ['bok.txt', /Error NO_INPUT No file or folder bok\.txt\nTry: book\.txt\n/],
    ['dir/note.md', /Try: dir\/notes\.md\n/],
    ['nowhere/x', /Error NO_INPUT No file or folder nowhere\/x: there is no nowhere\n$/],
    ['dri/notes.md', /there is no dri\nTry: dir\/notes\.md\n/],
    ['dri/y', /there is no dri\nTry: dir\n/],
    ['book.txt/x', /No file or folder book\.txt\/x\nCause /],
    ['*.pdf', /No file matches \*\.pdf\n$/],
    ['bok*.txt', /No file matches bok\*\.txt\nTry: book\.txt\n/],
    ['dri/*.md', /No file or folder dri\nTry: dir\n/],
    ['/dev/null', /\/dev\/null is neither a file nor a folder nor a pipe/],
  ] as const
  for (const [input, said] of cases) {
    const ran = await ipdc(['mr', 'wordcount', input], { home, cwd })
    t.same([ran.status, ran.stdout], [66, ''], input)
    t.match(ran.stderr, said)
  }
  t.equal(fake.jobs.length, 0)
})

t.test('a folder that holds something is not written into, unless forced; then the parts of before go', async (t) => {
  const { home, fake } = await fakeHome(t)
  const cwd = t.testdir({ 'book.txt': text, counts: { 'part-00007': 'old\t1\n', note: 'note' } })
  const refused = await ipdc(['mr', 'wordcount', 'book.txt', '--output', 'counts'], { home, cwd })
  t.equal(refused.status, 2)
  t.match(refused.stderr, /The folder counts is not empty/)
  t.equal(fake.jobs.length, 0, 'and it is said before the work is done')
  const forced = await ipdc(['mr', 'wordcount', 'book.txt', '--output', 'counts', '--force', '--k', '1'], { home, cwd })
  t.equal(forced.status, 0)
  t.same((await readdir(`${cwd}/counts`)).sort(), ['note', 'part-00000'])
})

t.test('a folder that cannot be written into is said before the work is done', async (t) => {
  const { home, fake } = await fakeHome(t)
  const cwd = t.testdir({ 'book.txt': text })
  for (const output of ['/proc/x', '/proc/x/y', 'book.txt', 'book.txt/x']) {
    const ran = await ipdc(['mr', 'wordcount', 'book.txt', '--output', output], { home, cwd })
    t.same([ran.status, ran.stdout], [74, ''], output)
    t.match(ran.stderr, `Error IO Cannot write into ${output}`)
    t.match(ran.stderr, 'Try: Name another folder')
  }
  t.equal((await ipdc(['mr', 'wordcount', 'book.txt'], { home, cwd: '/proc' })).status, 74, 'the folder here is tried, too')
  t.equal(fake.jobs.length, 0)
  t.equal((await ipdc(['mr', 'wordcount', 'book.txt', '--output', 'deep/er/counts'], { home, cwd })).status, 0)
  t.equal((await readdir(`${cwd}/deep/er/counts`)).length, 3)
  t.same((await readdir(cwd)).sort(), ['book.txt', 'deep'], 'and the try leaves nothing')
})

t.test('a result that cannot be written after all is not lost: the error says how to get it', async (t) => {
  const { home, fake } = await fakeHome(t, { hold: true })
  const cwd = t.testdir({ 'book.txt': text })
  const running = ipdc(['mr', 'wordcount', 'book.txt', '--output', 'counts'], { home, cwd })
  while (fake.jobs.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await writeFile(`${cwd}/counts`, 'a file now')
  const [job] = fake.jobs
  fake.finish(job?.id ?? '')
  const ran = await running
  t.same([ran.status, ran.stdout], [74, ''])
  t.match(ran.stderr, `${job?.id} is done (${fake.jobs[0]?.root?.cid})`)
  t.match(ran.stderr, `Try: ipdc job result ${job?.id} --output OTHER\n`)
})

t.test('files are counted whatever their names are', async (t) => {
  const { home, fake } = await fakeHome(t)
  const cwd = t.testdir({ odd: { 'a\nb': 'x', 'a\\b': 'x', a_b: 'x' } })
  t.equal((await ipdc(['mr', 'wordcount', 'odd', '--output', 'counts'], { home, cwd })).status, 0)
  t.same(await linesOf(`${cwd}/counts`), ['x\t3'])
  const kept = await ipdc(['store', 'add', 'odd'], { home, cwd })
  t.same([kept.status, kept.stdout], [65, ''], 'but not kept under others')
  t.match(kept.stderr, /Error BAD_PATH .*odd\/a\\[n\\]/)
  t.match(kept.stderr, 'Try: Rename it')
  t.equal(fake.jobs.length, 1)
})

t.test('a warning of the job is said, and is no error', async (t) => {
  const { home, fake } = await fakeHome(t, { hold: true })
  const cwd = t.testdir({ empty: '' })
  const running = ipdc(['mr', 'wordcount', 'empty'], { home, cwd })
  const timer = setInterval(() => {
    const [job] = fake.jobs
    if (job === undefined || !fake.asked.some((path) => path.endsWith('/events'))) return
    clearInterval(timer)
    fake.warn(job.id, 'The input is empty')
    fake.finish(job.id)
  }, 5)
  const ran = await running
  t.equal(ran.status, 0)
  t.match(ran.stderr, 'Warning: The input is empty\n')
})

t.test('a warning that was given before anybody listened is said from the view of the job, once', async (t) => {
  const { home, fake } = await fakeHome(t, { hold: true })
  const client = createClient(fake.socket)
  const id = await client.submit({ kind: 'mr', label: 'wordcount', job: { program: 'wordcount', input: fake.add(''), k: 2 } })
  fake.change(id, { warnings: ['The input is empty'] })
  fake.finish(id)
  const { status, stderr } = await ipdc(['job', 'watch', id], { home })
  t.equal(status, 0)
  t.equal(stderr.split('Warning: The input is empty\n').length, 2, stderr)
  t.equal((await ipdc(['job', 'watch', id, '--json'], { home })).stderr, '', 'with --json it is in the job')
})
