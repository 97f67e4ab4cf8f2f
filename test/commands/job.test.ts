import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { door, envFor, fakeHome, ipdc } from './cli.ts'

const counted = { kind: 'mr', label: 'wordcount' }

async function withJob(t: Parameters<typeof fakeHome>[0], options: Parameters<typeof fakeHome>[1] = {}) {
  const { home, fake } = await fakeHome(t, options)
  const { createClient } = await import('../../src/core/client/client.ts')
  const client = createClient(fake.socket)
  const id = await client.submit({ ...counted, job: { program: 'wordcount', input: fake.add('b a b'), k: 2 } })
  return { home, fake, client, id }
}

t.test('jobs are listed with their state, and shown by the beginning of their id', async (t) => {
  const { home, id } = await withJob(t)
  const list = await ipdc(['job', 'list'], { home })
  t.match(list.stdout, /^JOB +STATE +TASKS +TOOK +SUBMITTED\nwordcount-\w+ +done +6 +1\.2 s +2026-01-01 00:00:00\n$/)
  const show = await ipdc(['job', 'show', 'wordc'], { home })
  t.match(show.stdout, /job +wordcount-\w+\n[\s\S]*state +done\n[\s\S]*map +4 of 4 done\nreduce +2 of 2 done\nresult +bafybei\w+\nnodes +ada 4 · ben 2\n/)
  const json = await ipdc(['job', 'show', id, '--json'], { home })
  t.equal(JSON.parse(json.stdout).id, id)
})

t.test('a job that is watched ends with its root on stdout, and with its events under --json', async (t) => {
  const { home, id, fake } = await withJob(t)
  const root = fake.jobs[0]?.root?.cid
  const watched = await ipdc(['job', 'watch', id], { home })
  t.same([watched.status, watched.stdout], [0, `${root}\n`])
  t.match(watched.stderr, /\| map 4\/4 \| reduce 2\/2 \| ada 4 · ben 2\n/)
  const events = await ipdc(['job', 'watch', id, '--json'], { home })
  t.same(
    events.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).is),
    ['job', 'closed'],
  )
})

t.test('a job that failed gives its own error and exit status to whoever waits for it', async (t) => {
  const { home, id, fake } = await withJob(t, { hold: true })
  fake.change(id, { state: 'failed', error: { code: 'TABLE_FULL', message: 'Too many words', hint: 'Use --split 4MiB' } })
  const watched = await ipdc(['job', 'watch', id], { home })
  t.equal(watched.status, 1)
  t.match(watched.stderr, /Error TABLE_FULL Too many words\nTry: Use --split 4MiB\n$/)
  t.match((await ipdc(['job', 'show', id], { home })).stdout, /error +TABLE_FULL Too many words/)
  t.equal((await ipdc(['job', 'result', id], { home, cwd: home })).status, 1)
})

t.test('where nobody listens to talk any more, the work goes on', async (t) => {
  const { home, id, fake } = await withJob(t, { hold: true })
  fake.change(id, { stages: [{ name: 'map', total: 1, done: 1, waiting: 0, running: 0, failed: 0, lost: 0 }] })
  const child = spawn(process.execPath, [door, 'job', 'watch', id], { env: envFor({ home }), stdio: ['ignore', 'pipe', 'pipe'] })
  await once(child.stderr, 'data')
  child.stderr.destroy()
  fake.warn(id, 'nobody hears this')
  fake.finish(id)
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
  t.equal(String(chunk), `${fake.jobs[0]?.root?.cid}\n`)
  t.same(await once(child, 'exit'), [0, null])
})

t.test('a job is cancelled; one that is closed stays as it is', async (t) => {
  const { home, id, fake } = await withJob(t, { hold: true })
  t.equal((await ipdc(['job', 'cancel', id], { home })).stderr, `${id} is cancelled\n`)
  t.equal(fake.jobs[0]?.state, 'cancelled')
  const watched = await ipdc(['job', 'watch', id], { home })
  t.equal(watched.status, 1)
  t.match(watched.stderr, /Error JOB_CANCELLED/)
})

t.test('a result that is one file is that file in the folder', async (t) => {
  const { home, id, fake } = await withJob(t, { hold: true })
  const cid = fake.add('all of it')
  fake.change(id, { state: 'done', root: { name: 'report', cid, size: 9 } })
  const cwd = t.testdir()
  t.equal((await ipdc(['job', 'result', id, '--output', 'out'], { home, cwd })).status, 0)
  t.equal(await readFile(`${cwd}/out/${cid}`, 'utf8'), 'all of it')
})

t.test('the result files are written, and not over others unless forced', async (t) => {
  const { home, id, fake } = await withJob(t)
  const cwd = t.testdir({ full: { note: 'mine' } })
  const ran = await ipdc(['job', 'result', id], { home, cwd })
  t.same([ran.status, ran.stdout], [0, `${fake.jobs[0]?.root?.cid}\n`])
  t.match(ran.stderr, `Wrote 2 files, 8 B, to ./ipdc-${id}`)
  t.equal(await readFile(`${cwd}/ipdc-${id}/part-00001`, 'utf8'), 'a\t1\nb\t2\n')
  const again = await ipdc(['job', 'result', id], { home, cwd })
  t.equal(again.status, 2)
  t.match(again.stderr, /is not empty\nTry: Name another one, or write over it: --force/)
  t.equal((await ipdc(['job', 'result', id, '--output', 'full', '--force'], { home, cwd })).status, 0)
  t.equal(await readFile(`${cwd}/full/note`, 'utf8'), 'mine')
})
