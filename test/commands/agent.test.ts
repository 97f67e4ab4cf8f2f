/** Commands that start and end the agent of a home, with real agents. */
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import t from 'tap'
import { connect } from '../../src/core/client/connect.ts'
import { ipdc } from './cli.ts'
import { examplesOf, inShell, type Place, placeFor } from './shell.ts'

/** What says that it is there, and that ^C ends it. */
const isUp = 'To end it: ^C'

async function isLeft({ home }: Place): Promise<boolean> {
  try {
    const { session } = await connect(home)
    session.close()
    return true
  } catch (error) {
    return (error as { code: string }).code !== 'NO_AGENT'
  }
}

t.test('the examples of up and down work in a new home', async (t) => {
  const place = await placeFor(t)
  const [detached = '', foreground = ''] = await examplesOf('up')
  const [down = '', now = ''] = await examplesOf('down')
  t.equal((await inShell(detached, place)).status, 0)
  t.ok(await isLeft(place))
  t.equal((await inShell(down, place)).stderr.replace(/Node \S+/, 'Node'), 'Node is down\n')
  t.notOk(await isLeft(place))
  const ran = await inShell(foreground.replace('1883', '0'), place, isUp)
  t.equal(ran.status, 0)
  t.match(ran.stderr, /Broker mqtt:\/\/127\.0\.0\.1:\d+, served here/)
  t.match(ran.stderr, 'Ending after the tasks that run')
  t.notOk(await isLeft(place))
  await inShell(detached, place)
  t.equal((await inShell(now, place)).status, 0)
  t.notOk(await isLeft(place))
})

t.test('the examples of dev work, and other terminals find it by themselves', async (t) => {
  const place = await placeFor(t)
  const [three = '', five = ''] = await examplesOf('dev')
  const dev = inShell(three, place)
  while (!existsSync(`${place.home}/agent.sock`)) await new Promise((resolve) => setTimeout(resolve, 50))
  const list = await ipdc(['node', 'list', '--json'], place)
  t.equal(JSON.parse(list.stdout).length, 3)
  const again = await ipdc(['up'], place)
  t.equal(again.status, 75)
  t.match(again.stderr, /Error ALREADY_RUNNING .*\nTry: .*ipdc down/)
  t.equal((await ipdc(['down'], place)).status, 0)
  t.equal((await dev).status, 0)
  t.equal((await inShell(five, place, isUp)).status, 0)
  t.notOk(await isLeft(place))
  t.notOk(existsSync(`${place.home}/agent.sock`))
})

t.test('one command after another starts what it needs and leaves nothing running; what was counted stays readable', async (t) => {
  const place = await placeFor(t)
  await writeFile(`${place.cwd}/book.txt`, 'one two two')
  const counted = await ipdc(['mr', 'wordcount', 'book.txt'], place)
  t.equal(counted.status, 0)
  t.match(counted.stderr, /^No agent runs here: starting 3 nodes for this job. To keep them: ipdc dev\n/)
  const root = counted.stdout.trim()
  const list = await ipdc(['store', 'ls', root, '--json'], place)
  t.equal(JSON.parse(list.stdout).length, 3)
  const jobs = await ipdc(['job', 'list', '--json'], place)
  t.match(JSON.parse(jobs.stdout), [{ state: 'done', root: { cid: root } }])
  // Not by asking it: an agent that is asked is not idle.
  while (existsSync(`${place.home}/agent.lock`)) await new Promise((resolve) => setTimeout(resolve, 50))
  t.notOk(existsSync(`${place.home}/agent.sock`))
})

t.test('two word counts at once in a new home share one domain', async (t) => {
  const place = await placeFor(t)
  await writeFile(`${place.cwd}/book.txt`, 'one two two')
  const both = await Promise.all(['a', 'b'].map((output) => ipdc(['mr', 'wordcount', 'book.txt', '--output', output], place)))
  t.same(
    both.map(({ status }) => status),
    [0, 0],
    both.map(({ stderr }) => stderr).join(''),
  )
  t.equal(both[0]?.stdout, both[1]?.stdout)
})

t.test('up that cannot start says why, in its own words', async (t) => {
  const place = await placeFor(t)
  const ran = await ipdc(['up', '--detach', '--broker', 'http://nowhere'], place)
  t.equal(ran.status, 65)
  t.match(ran.stderr, /Error BAD_CONFIG .*mqtt:\/\/host:port/)
  const closed = await ipdc(['up', '--detach', '--broker', 'mqtt://127.0.0.1:1', '--json'], place)
  t.equal(closed.status, 69)
  t.equal(JSON.parse(closed.stderr).error.code, 'NO_BROKER')
  t.notOk(await isLeft(place))
})

t.test('a queue file that was damaged is said to be, at the start, in the log and as long as the agent lives', async (t) => {
  const place = await placeFor(t)
  for (const command of ['up --detach', 'down']) t.equal((await ipdc(command.split(' '), place)).status, 0)
  const bytes = await readFile(`${place.home}/queue.db`)
  await writeFile(`${place.home}/queue.db`, bytes.fill('garbage', 1024))
  const up = await ipdc(['up', '--detach'], place)
  const kept = (await readdir(place.home)).find((name) => /^queue\.db\.damaged-\w+$/.test(name))
  t.match(up.stderr, `Warning The queue of this node was damaged: The queue file ${place.home}/queue.db is damaged (`)
  t.match(up.stderr, `; kept as ${place.home}/${kept}\n`)
  const show = await ipdc(['node', 'show'], place)
  t.match(show.stdout, /\nqueue damaged +The queue file .*queue\.db is damaged \(.*; kept as .*queue\.db\.damaged-/)
  t.equal((await ipdc(['down'], place)).status, 0)
  const log = await readFile(`${place.home}/agent.log`, 'utf8')
  const lines = log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.match(
    lines.find(({ msg }) => msg.startsWith('queue file set aside')),
    { level: 40, err: { message: /queue\.db is damaged/ }, kept: `${place.home}/${kept}` },
  )
  for (const said of [log, up.stderr, show.stdout]) t.notMatch(said, /open the file again/i)
})
