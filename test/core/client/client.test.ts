import { createServer, type Server } from 'node:net'
import t from 'tap'
import { createClient } from '../../../src/core/client/client.ts'
import { connect } from '../../../src/core/client/connect.ts'
import { socketOf } from '../../../src/core/client/home.ts'
import { createFakeAgent, type FakeOptions } from '../../fakes/agent.ts'

async function open(t: Tap, options: Partial<FakeOptions> = {}) {
  const home = t.testdir()
  const fake = await createFakeAgent({ socket: socketOf(home), home, ...options })
  t.teardown(() => fake.close())
  return { home, fake, client: createClient(fake.socket) }
}

t.test('what goes in as bytes comes out as bytes', async (t) => {
  const { client } = await open(t)
  const { cid, size, name } = await client.addFile(chunks('hello ', 'world'), { name: 'a & b?' })
  t.same([size, name], [11, 'a & b?'])
  t.equal(await text(client.cat(cid)), 'hello world')
  t.equal(await text(client.cat(cid, { offset: 6, length: 3 })), 'wor')
  t.equal((await client.stat(cid)).type, 'file')
})

t.test('files that the agent reads itself become one directory', async (t) => {
  const { client } = await open(t)
  const folder = t.testdir({ 'a.txt': 'A', 'b.txt': 'BB' })
  const { cid, size } = await client.addPaths([
    { path: 'x/a.txt', file: `${folder}/a.txt` },
    { path: 'b.txt', file: `${folder}/b.txt` },
  ])
  t.equal(size, 3)
  t.same(
    (await listOf(client.ls(cid))).map(({ name, type }) => [name, type]),
    [
      ['b.txt', 'file'],
      ['x', 'directory'],
    ],
  )
  t.equal(await text(client.cat(`${cid}/x/a.txt`)), 'A')
})

t.test('a directory over what the store has moves no bytes', async (t) => {
  const { client, fake } = await open(t)
  const { cid } = await client.link([
    { name: 'a', cid: fake.add('A'), size: 1 },
    { name: 'b', cid: fake.addDirectory({ c: fake.add('C') }), size: 1 },
  ])
  t.equal(await text(client.cat(`${cid}/b/c`)), 'C')
})

t.test("an agent's error comes back with its code, hint and address", async (t) => {
  const { client } = await open(t)
  const cid = `bafkrei${'a'.repeat(52)}`
  await t.rejects(client.stat(cid), { name: 'IpdcError', code: 'NOT_FOUND', cid })
  await t.rejects(client.job('nope'), { code: 'NOT_FOUND', hint: 'ipdc job list' })
  await t.rejects(text(client.cat(cid)), { code: 'NOT_FOUND' })
})

t.test('where no agent listens the error says what to do', async (t) => {
  await t.rejects(createClient(socketOf(t.testdir())).agent(), { code: 'NO_AGENT', hint: 'ipdc up' })
  await t.rejects(connect(t.testdir()), { code: 'NO_AGENT' })
})

t.test('the events of a job come until it is closed', async (t) => {
  const { client, fake } = await open(t, { hold: true })
  const id = await client.submit({ kind: 'mr', job: { input: fake.add('b a b') }, label: 'wordcount' })
  const seen: string[] = []
  for await (const event of client.events(id)) {
    seen.push(event.is)
    if (seen.length === 1) fake.warn(id, 'careful')
    if (seen.length === 2) fake.finish(id)
  }
  t.same(seen, ['job', 'warning', 'closed'])
  t.equal((await client.job(id)).state, 'done')
  t.same(
    (await client.jobs()).map((job) => job.id),
    [id],
  )
})

t.test('leaving the events ends their request, and so does a signal', async (t) => {
  const { client, fake } = await open(t, { hold: true })
  const id = await client.submit({ kind: 'mr', job: { input: fake.add('') } })
  for await (const event of client.events(id)) {
    t.equal(event.is, 'job')
    break
  }
  const ending = new AbortController()
  const events = client.events(id, { signal: ending.signal })[Symbol.asyncIterator]()
  await events.next()
  ending.abort()
  await t.rejects(events.next(), { code: 'CANCELLED' })
})

t.test('a cancelled job says so', async (t) => {
  const { client, fake } = await open(t, { hold: true })
  const id = await client.submit({ kind: 'mr', job: { input: fake.add('') } })
  t.equal((await client.cancel(id)).state, 'cancelled')
})

t.test('a session is open until either side ends it', async (t) => {
  const { home, client, fake } = await open(t)
  const { session, agent } = await connect(home)
  t.equal(agent.home, home)
  t.equal(fake.sessions, 1)
  session.close()
  await session.ended
  const second = await client.session()
  await fake.close()
  await second.ended
})

t.test('an agent that dies in the middle of an answer is not taken for the end of it', async (t) => {
  const line = JSON.stringify({ is: 'warning', message: 'x' })
  const socket = await answering(t, `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${(line.length + 1).toString(16)}\r\n${line}\n\r\n`)
  await t.rejects(listOf(createClient(socket).events('x')), { code: 'NO_AGENT', message: /broke off/ })
})

t.test('a line that is cut is not taken for a whole one', async (t) => {
  const socket = await answering(t, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"is"')
  await t.rejects(listOf(createClient(socket).events('x')), { code: 'NO_AGENT' })
})

t.test('an answer that is no agent’s is an INTERNAL error that shows it', async (t) => {
  const socket = await answering(t, 'HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops')
  await t.rejects(createClient(socket).agent(), { code: 'INTERNAL', message: 'The agent answered 500: oops' })
})

t.test('an input that cannot be read is not taken for an agent that cannot be reached', async (t) => {
  const { client } = await open(t)
  const broken = async function* () {
    yield Buffer.from('x')
    throw Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' })
  }
  await t.rejects(client.addFile(broken()), { code: 'IO', message: 'The input could not be read: ENOENT: no such file' })
})

t.test('an agent is told to stop, now or after its tasks', async (t) => {
  const stops: boolean[] = []
  const { client } = await open(t, { onStop: (now) => void stops.push(now) })
  await client.stop()
  await client.stop({ now: true })
  t.same(stops, [false, true])
})

type Tap = Pick<typeof t, 'testdir' | 'teardown'>

/** A socket that answers every request with the same bytes and hangs up. */
async function answering(t: Tap, bytes: string): Promise<string> {
  const path = socketOf(t.testdir())
  const server: Server = createServer((socket) => void socket.once('data', () => socket.end(bytes)))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.teardown(() => void server.close())
  return path
}

async function* chunks(...texts: string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

async function text(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await listOf(bytes)).toString()
}
