/** `ipdc down --now` of an agent that takes calls and answers none. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { homeFor, ipdc } from './cli.ts'

async function silentHome(t: Test, words: (home: string) => readonly string[]): Promise<{ home: string; child: ChildProcess }> {
  const home = await homeFor(t)
  const server = createServer((socket) => t.teardown(() => void socket.destroy()))
  await new Promise<void>((resolve) => server.listen(`${home}/agent.sock`, resolve))
  t.teardown(() => void server.close())
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', ...words(home)], { stdio: 'ignore' })
  t.teardown(() => void child.kill('SIGKILL'))
  await once(child, 'spawn')
  await writeFile(`${home}/agent.lock`, `${child.pid} 1@boot token\n`)
  return { home, child }
}

t.test('an agent of this home is killed, and nobody else', async (t) => {
  const agent = await silentHome(t, (home) => ['/x/bin/agent.js', '--home', home])
  const other = await silentHome(t, () => ['/x/bin/agent.js', '--home', '/another/home'])
  const [killed, refused] = await Promise.all([ipdc(['down', '--now'], agent), ipdc(['down', '--now'], other)])
  t.equal(killed.status, 0, killed.stderr)
  t.match(killed.stderr, `did not answer: its process ${agent.child.pid} was killed`)
  t.equal(agent.child.signalCode, 'SIGKILL')
  t.equal(refused.status, 77)
  t.match(refused.stderr, `Try: Look at it: ps ${other.child.pid}`)
  t.equal(other.child.signalCode, null)
})
