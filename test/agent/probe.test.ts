import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { probe } from '../../agent/probe.ts'

async function serve(t: Test, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const says = (t: Test, body: string) => serve(t, (_, response) => void response.end(body))

/** A port on which nobody listens: it was free a moment ago. */
async function nobody(): Promise<string> {
  const server = createSocketServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}`
}

t.test('an agent that answers is alive, with its boot; it is asked for its health', async (t) => {
  const asked: string[] = []
  const url = await serve(t, (request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.end('{"node":"a","boot":7}')
  })
  t.same(await probe([url]), { is: 'alive', boot: 7 })
  t.same(asked, ['GET /health'])
})

t.test('a refused connection is death', async (t) => {
  t.same(await probe([await nobody()]), { is: 'dead' })
})

t.test('of several addresses one answer is enough, and one silence leaves hope', async (t) => {
  const [dead, alive, nonsense] = await Promise.all([nobody(), says(t, '{"boot":1}'), says(t, 'hello')])
  t.same(await probe([dead, nonsense, alive]), { is: 'alive', boot: 1 })
  t.same(await probe([dead, nonsense]), { is: 'silent' })
  t.same(await probe([dead, dead]), { is: 'dead' })
  t.same(await probe([]), { is: 'silent' }, 'who has no address cannot be asked')
})

t.test('an answer that is not one of ours is silence', async (t) => {
  for (const body of ['', 'hello', '[]', 'null', '{"boot":"7"}', `{"boot":7,"more":"${'x'.repeat(10_000)}"}`]) {
    t.same(await probe([await says(t, body)]), { is: 'silent' }, body.slice(0, 20))
  }
})

t.test('an address that is none is silence', async (t) => {
  for (const url of ['nonsense', '', 'https://127.0.0.1:1', 'mqtt://a', 'http://[', 'http://127.0.0.1:99999']) t.same(await probe([url]), { is: 'silent' }, url)
})

t.test('who takes the connection and says nothing, or never ends, is silent after a second', async (t) => {
  const drips: NodeJS.Timeout[] = []
  const sockets: Socket[] = []
  const mute = createSocketServer((socket) => void sockets.push(socket.on('error', () => {}))).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  t.teardown(() => {
    for (const drip of drips) clearInterval(drip)
    for (const socket of sockets) socket.destroy()
    mute.close()
  })
  const dripping = await serve(t, (_, response) => {
    response.write(' ')
    drips.push(setInterval(() => response.write(' '), 100))
  })
  const began = performance.now()
  const silence = `http://127.0.0.1:${(mute.address() as AddressInfo).port}`
  t.same(await Promise.all([probe([silence]), probe([dripping])]), [{ is: 'silent' }, { is: 'silent' }])
  const ms = performance.now() - began
  t.ok(ms > 900 && ms < 5_000, `${Math.round(ms)} ms`)
})

t.test('a probe ends when it is told to', async (t) => {
  const asked = new AbortController()
  const url = await serve(t, () => asked.abort())
  const began = performance.now()
  t.same(await probe([url], asked.signal), { is: 'silent' })
  t.ok(performance.now() - began < 900, 'it did not wait for its second')
})
