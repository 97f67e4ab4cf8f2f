import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { codeOf, connect, defineKind, errors, homeOf, IpdcError, reach } from '../src/index.ts'

t.test('a program reaches an agent, submits a job and follows it to its root', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'ipdc-test-'))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  const program = join(import.meta.dirname, 'fakes/agent-main.ts')
  const { client, session, exited } = await reach({ home, until: 'idle', program, env: { PATH: process.env.PATH } })
  const { cid } = await client.addPaths([{ path: 'me', file: import.meta.filename }])
  const id = await client.submit({ kind: 'mr', job: { program: 'wordcount', input: cid } })
  let root: string | undefined
  for await (const event of client.events(id)) if (event.is === 'closed') root = event.job.root?.cid
  t.match(root, /^baf/)
  session.close()
  await exited?.()
  t.equal(await connect(home).catch(codeOf), 'NO_AGENT')
})

t.test('the door has what a kind and its errors are made with', (t) => {
  t.equal(new IpdcError('NO_NODES', { message: 'x' }).code, 'NO_NODES')
  t.equal(errors.NO_NODES.exit, 69)
  t.type(defineKind, 'function')
  t.ok(homeOf().startsWith('/'))
  t.end()
})
