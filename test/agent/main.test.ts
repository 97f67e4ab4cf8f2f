/** The agent as a process: what it says, with which status it ends, what it leaves. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { createClient } from '../../src/core/client/client.ts'
import { socketOf } from '../../src/core/client/home.ts'
import { agentPath } from '../../src/core/client/package.ts'
import { freePort } from '../services/port.ts'
import { cleanEnv } from '../system/launch.ts'
import { folder } from './rooms.ts'

t.setTimeout(120_000)

interface Said {
  readonly ready?: true
  readonly node?: string
  readonly url?: string
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string }
}

/** Started as a launcher does, with both pipes. */
function start(t: Test, home: string, ...flags: string[]) {
  const child = spawn(process.execPath, [agentPath(), '--home', home, '--slots', '1', '--ready-fd', '3', '--lifeline-fd', '4', ...flags], {
    env: cleanEnv,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exited
  })
  const pipe = child.stdio[3] as Readable
  return {
    pid: child.pid ?? 0,
    exited,
    signal: (name: NodeJS.Signals) => child.kill(name),
    /** The first line. */
    said: once(pipe, 'data').then(([line]) => JSON.parse(String(line)) as Said),
    cutLifeline: () => (child.stdio[4] as Readable).destroy(),
  }
}

/** Without pipes, as from a terminal. */
async function end(t: Test, ...flags: string[]) {
  const child = spawn(process.execPath, [agentPath(), ...flags], { env: cleanEnv, stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(() => void child.kill('SIGKILL'))
  const stderr = text(child.stderr)
  const [status] = await once(child, 'exit')
  return { status, stderr: await stderr }
}

const isThere = (pid: number) => existsSync(`/proc/${pid}`)

t.test('it says once that it is ready, who it is and where its broker is, and a signal ends it in good order', async (t) => {
  const home = await folder(t)
  const agent = start(t, home)
  const said = await agent.said
  t.match(said, { ready: true, node: /^[a-z2-7]{52}$/, url: /^mqtt:\/\/127\.0\.0\.1:\d+$/ })
  const view = await createClient(socketOf(home)).agent()
  t.match(view, { pid: agent.pid, node: said.node, broker: { is: 'up', url: said.url } })
  agent.signal('SIGTERM')
  t.same(await agent.exited, [0, null])
  for (const gone of ['agent.sock', 'agent.lock']) t.notOk(existsSync(join(home, gone)), gone)
  t.same(await readdir(join(home, 'scratch')), [])
  await t.rejects(fetch(`${view.gateway.url}/health`), 'its port is closed')
})

t.test('after a kill the same home starts again: the same node, a higher boot, and nothing in the way', async (t) => {
  const home = await folder(t)
  const first = start(t, home)
  const { node } = await first.said
  first.signal('SIGKILL')
  await first.exited
  t.ok(existsSync(join(home, 'agent.lock')), 'it could not tidy up')
  const second = start(t, home)
  t.match(await second.said, { ready: true, node })
  t.equal(await readFile(join(home, 'boot'), 'utf8'), '2\n')
  t.notOk(isThere(first.pid))
})

t.test('a second agent in a home ends with 75 and says why; the first does not notice', async (t) => {
  const home = await folder(t)
  const first = start(t, home)
  await first.said
  const second = start(t, home, '--temporary')
  t.match(await second.said, { error: { code: 'ALREADY_RUNNING', hint: /ipdc down/ } })
  t.same(await second.exited, [75, null])
  t.match(await createClient(socketOf(home)).agent(), { pid: first.pid })
})

t.test('without its broker it ends with 69 within seconds and leaves nothing', async (t) => {
  const home = await folder(t)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  server.close()
  await once(server, 'close')
  const began = performance.now()
  const agent = start(t, home, '--broker', `mqtt://127.0.0.1:${port}`)
  t.match(await agent.said, { error: { code: 'NO_BROKER' } })
  t.same(await agent.exited, [69, null])
  const ms = performance.now() - began
  t.ok(ms < 10_000, `${Math.round(ms)} ms, of which it waited 5,000`)
  for (const gone of ['agent.sock', 'agent.lock']) t.notOk(existsSync(join(home, gone)), gone)
})

t.test('a command line that is none ends with 2, a bad configuration with 65; both in words for whoever started it by hand', async (t) => {
  const home = await folder(t)
  const bad = await end(t, '--home', home, '--unknown')
  t.equal(bad.status, 2)
  t.match(bad.stderr, /^Error USAGE .*--unknown/)
  await writeFile(join(home, 'ipdc.json'), '{"policy":"all"}')
  const config = await end(t, '--home', home)
  t.equal(config.status, 65)
  t.match(config.stderr, /^Error BAD_CONFIG .*policy.*\nTry: /)
  const launched = start(t, home)
  t.match(await launched.said, { error: { code: 'BAD_CONFIG' } })
  t.same(await launched.exited, [65, null])
  t.same(await readdir(home), ['ipdc.json'], 'nothing was begun')
})

t.test('it ends with its parent, however that went: when its lifeline is cut', async (t) => {
  const home = await folder(t)
  const agent = start(t, home)
  await agent.said
  agent.cutLifeline()
  t.same(await agent.exited, [0, null])
  t.notOk(existsSync(join(home, 'agent.sock')))
})

t.test('a temporary home goes with its agent, also where the start failed', async (t) => {
  const parent = await folder(t)
  const agent = start(t, join(parent, 'good'), '--temporary')
  await agent.said
  agent.signal('SIGTERM')
  await agent.exited
  await writeFile(join(parent, 'file'), '')
  const failed = start(t, join(parent, 'bad'), '--temporary', '--broker', 'mqtt://127.0.0.1:1', '--broker', 'mqtt://127.0.0.1:2')
  t.match(await failed.said, { error: { code: 'NOT_OFFERED' } })
  t.same(await failed.exited, [2, null])
  t.same(await readdir(parent), ['file'])
})

t.test('down ends it', async (t) => {
  const home = await folder(t)
  const agent = start(t, home)
  await agent.said
  await createClient(socketOf(home)).stop()
  t.same(await agent.exited, [0, null])
})

t.test('its queue is a file in its home, and is shown; whose server is not there, the agent does not start, and tells no password', async (t) => {
  const home = await folder(t)
  const agent = start(t, home)
  await agent.said
  const { queue } = await createClient(socketOf(home)).agent()
  t.match(queue, { use: 'embedded', waiting: 0, running: 0, path: join(home, 'queue.db') })
  t.ok((queue.bytes ?? 0) > 0)
  agent.signal('SIGTERM')
  await agent.exited
  await writeFile(join(home, 'ipdc.json'), JSON.stringify({ queue: { use: 'redis', url: `redis://ada:secret@127.0.0.1:${await freePort()}/3` } }))
  const { status, stderr } = await end(t, '--home', home)
  t.equal(status, 69)
  t.match(stderr, /^Error NO_QUEUE .*redis:\/\/127\.0\.0\.1:\d+\/3.*ECONNREFUSED/)
  t.notMatch(stderr, /secret/)
})

t.test('a full disk takes its log, and nothing else', async (t) => {
  const home = await folder(t)
  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  const child = spawn(process.execPath, [agentPath(), '--home', home, '--slots', '1', '--ready-fd', '3'], {
    env: cleanEnv,
    stdio: ['ignore', full, full, 'pipe'],
  })
  const exited = once(child, 'exit')
  t.teardown(() => void child.kill('SIGKILL'))
  t.match(JSON.parse(String((await once(child.stdio[3] as Readable, 'data'))[0])), { ready: true })
  t.match(await createClient(socketOf(home)).agent(), { pid: child.pid })
  child.kill('SIGTERM')
  t.same(await exited, [0, null])
})
