import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import { createClient } from '../../../src/core/client/client.ts'
import { connect } from '../../../src/core/client/connect.ts'
import { socketOf } from '../../../src/core/client/home.ts'

/** A home whose agent takes every call and answers none. */
async function silentHome(t: Test): Promise<string> {
  const home = t.testdir()
  const server: Server = createServer((socket) => t.teardown(() => void socket.destroy()))
  await new Promise<void>((resolve) => server.listen(socketOf(home), resolve))
  t.teardown(() => void server.close())
  return home
}

t.test('an agent that does not answer is named with its process', async (t) => {
  const home = await silentHome(t)
  const late = { code: 'TIMEOUT', message: /did not answer within 0\.05 s/ }
  await t.rejects(connect(home, { answerMs: 50 }), { ...late, hint: 'ipdc down --now' })
  await writeFile(`${home}/agent.lock`, '4242 1@boot token\n')
  const client = createClient(socketOf(home), { home, answerMs: 50 })
  const calls: Promise<unknown>[] = [client.agent(), client.nodes(), client.jobs(), client.job('x'), client.cancel('x'), client.stop(), client.session()]
  for (const { reason } of (await Promise.allSettled(calls)) as PromiseRejectedResult[])
    t.match(reason, { code: 'TIMEOUT', message: /\(process 4242\)/, hint: 'kill -CONT 4242, or to end it: ipdc down --now' })
})

t.test('what moves bytes waits for as long as it takes', async (t) => {
  const home = await silentHome(t)
  const ending = new AbortController()
  const client = createClient(socketOf(home), { home, answerMs: 10 })
  const added = client.addPaths([], { signal: ending.signal })
  await t.rejects(client.agent(), { code: 'TIMEOUT' })
  ending.abort()
  await t.rejects(added, { code: 'CANCELLED' })
})
