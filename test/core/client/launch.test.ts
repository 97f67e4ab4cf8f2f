import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { connect } from '../../../src/core/client/connect.ts'
import { type LaunchOptions, launch, reach } from '../../../src/core/client/launch.ts'
import { agentPath, packageRoot } from '../../../src/core/client/package.ts'

const program = join(import.meta.dirname, '../../fakes/agent-main.ts')
// tap's own environment would reach every process below.
const env = { PATH: process.env.PATH ?? '' }

async function homeFor(t: Pick<typeof import('tap').t, 'teardown'>): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'ipdc-test-'))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  return home
}

const fake = (home: string, options: Partial<LaunchOptions> = {}): LaunchOptions => ({ home, program, env, until: 'idle', ...options })

t.test('an agent that was launched answers, and ends when its last session has ended', async (t) => {
  const home = join(await homeFor(t), 'new')
  const { client, session, pid, agent, exited } = await launch(fake(home, { companions: 2 }))
  t.equal(agent.pid, pid)
  t.equal(agent.domain.throwAway, true)
  t.equal((await client.nodes()).length, 2)
  t.equal((await stat(home)).mode & 0o777, 0o700)
  session.close()
  await exited()
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})

t.test('the agent is told what was asked for', async (t) => {
  const home = await homeFor(t)
  const { session, exited } = await launch(
    fake(home, { companions: 2, serveBroker: 0, brokers: ['mqtt://a:1', 'mqtt://b:1'], name: 'ada', slots: 3, lifeline: true }),
  )
  t.same(JSON.parse(await readFile(`${home}/flags.json`, 'utf8')), {
    home,
    until: 'idle',
    'ready-fd': '3',
    'lifeline-fd': '4',
    companions: '2',
    'serve-broker': '0',
    broker: ['mqtt://a:1', 'mqtt://b:1'],
    name: 'ada',
    slots: '3',
  })
  session.close()
  await exited()
})

t.test('one home has one agent: the second launch is refused, and reach finds the first', async (t) => {
  const home = await homeFor(t)
  const first = await launch(fake(home))
  await t.rejects(launch(fake(home)), { code: 'ALREADY_RUNNING' })
  const second = await reach(fake(home))
  t.equal(second.agent.pid, first.pid)
  t.equal(second.pid, undefined)
  first.session.close()
  second.session.close()
  await first.exited()
})

t.test('of four that reach at once one starts the agent and all use it', async (t) => {
  const home = await homeFor(t)
  const all = await Promise.all(Array.from({ length: 4 }, () => reach(fake(home))))
  t.equal(new Set(all.map(({ agent }) => agent.pid)).size, 1)
  const started = all.filter(({ pid }) => pid !== undefined)
  t.equal(started.length, 1)
  for (const { session } of all) session.close()
  await started[0]?.exited?.()
})

t.test('why an agent does not start comes back as its own error', async (t) => {
  await t.rejects(launch(fake(await homeFor(t), { name: 'refuses' })), { code: 'NO_BROKER', hint: 'ipdc doctor' })
})

t.test('an agent that dies before it is ready leaves its last words', async (t) => {
  const home = await homeFor(t)
  await t.rejects(launch(fake(home, { name: 'dies' })), { code: 'NO_AGENT', message: /no such luck/, hint: `See ${home}/agent.log` })
})

t.test('an agent that is never ready is ended', async (t) => {
  const home = await homeFor(t)
  await t.rejects(launch(fake(home, { name: 'sleeps', readyMs: 300 })), { code: 'TIMEOUT' })
})

t.test('a program that is not there is an error, not a wait', async (t) => {
  await t.rejects(launch(fake(await homeFor(t), { program: '/nonexistent/agent.js' })), { code: 'NO_AGENT', message: /ended before it was ready/ })
})

t.test('an agent on a lifeline ends with whoever started it, killed or not', async (t) => {
  const home = await homeFor(t)
  const door = pathToLaunch()
  const code = `import { launch } from ${JSON.stringify(door)}; const { pid } = await launch(${JSON.stringify(fake(home, { lifeline: true, until: 'stopped' }))}); console.log(pid)`
  const starter = spawn(process.execPath, ['--input-type=module', '-e', code], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [pid] = (await once(starter.stdout, 'data')) as [Buffer]
  const { session } = await connect(home)
  t.doesNotThrow(() => process.kill(Number(pid), 0))
  starter.kill('SIGKILL')
  await session.ended
})

t.test('a log that has grown too large is begun anew', async (t) => {
  const home = await homeFor(t)
  await writeFile(`${home}/agent.log`, Buffer.alloc(9 * 2 ** 20))
  const { session, exited } = await launch(fake(home))
  session.close()
  await exited()
  t.equal((await stat(`${home}/agent.log`)).size, 0)
  t.equal((await stat(`${home}/agent.log.old`)).size, 9 * 2 ** 20)
})

t.test('the package is found from where its code lies, in src and in dist', async (t) => {
  const root = t.testdir({ 'package.json': '{}', dist: { src: { core: { client: {} } } } })
  t.equal(packageRoot(`${root}/dist/src/core/client`), root)
  t.ok(existsSync(`${packageRoot()}/src/core/client`))
  t.equal(agentPath(), join(packageRoot(), 'bin', 'agent.js'))
})

t.test('a home of somebody else is refused before anything starts', async (t) => {
  const home = await homeFor(t)
  await mkdir(`${home}/open`)
  await chmod(`${home}/open`, 0o777)
  await t.rejects(launch(fake(`${home}/open`)), { code: 'REFUSED' })
  t.notOk(existsSync(`${home}/open/agent.log`))
})

function pathToLaunch(): string {
  return join(import.meta.dirname, '../../../src/core/client/launch.ts')
}

t.test('a home on a disk that became read-only is said to be one, by the launcher and by the agent itself', async (t) => {
  const home = await homeFor(t)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'ipdc-test', home]).status !== 0) return t.plan(0, 'no small disk can be mounted here')
  t.teardown(() => void spawnSync('umount', ['-l', home]))
  await writeFile(join(home, 'agent.log'), '')
  t.equal(spawnSync('mount', ['-o', 'remount,ro', home]).status, 0)
  const readOnly = { code: 'IO', message: /EROFS/, hint: /read-only.*dmesg/ }
  await t.rejects(launch(fake(home)), { ...readOnly, message: /agent\.log.*EROFS/ })
  const { status, stderr } = spawnSync(process.execPath, [agentPath(), '--home', home], { env, encoding: 'utf8' })
  t.equal(status, 74)
  t.match(stderr, /^Error IO .*EROFS.*\nTry: .*read-only/)
})
