import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import { createEmbeddedBroker } from '../../../src/core/wire/embedded.ts'
import { comesAndGoes, open, roundTrips } from './talk.ts'

t.test('a closed broker leaves nothing that keeps a process alive: one of 3.1.1, and one that was never reached', async (t) => {
  const embedded = await createEmbeddedBroker()
  t.teardown(() => embedded.close())
  t.equal(await comesAndGoes(embedded.url), 'spoke\n')
  const quick = await roundTrips(t, embedded.url)
  t.ok(quick < 25, `${quick.toFixed(1)} ms`)
  t.equal(await comesAndGoes('mqtt://127.0.0.1:1', 500), 'NO_BROKER\n')
})

t.test('a broker that accepts and says nothing is none, within the time given', async (t) => {
  const url = await listening(
    t,
    createServer((socket) => void socket.on('error', () => {})),
  )
  const since = performance.now()
  await t.rejects(open(t, { url, timeoutMs: 500 }).presence(), { code: 'NO_BROKER', message: /0\.5 s/ })
  t.ok(performance.now() - since < 2000)
})

t.test('a broker that hangs up on MQTT 5 is spoken to in 3.1.1', async (t) => {
  const embedded = await createEmbeddedBroker()
  t.teardown(() => embedded.close())
  const versions: number[] = []
  const url = await listening(
    t,
    createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (connecting) => {
        // §3.1.2.2: the protocol level follows the name `MQTT`.
        const version = connecting[connecting.indexOf('MQTT') + 4] ?? 0
        versions.push(version)
        if (version === 5) {
          socket.destroy()
          return
        }
        const far = connect(Number(new URL(embedded.url).port), '127.0.0.1')
        far.write(connecting)
        socket.pipe(far).pipe(socket)
        far.on('error', () => socket.destroy())
      })
    }),
  )
  const broker = open(t, { url })
  await broker.presence()
  t.same(versions, [5, 4])
})

t.test('garbage from a broker ends the connection, not the process', async (t) => {
  const url = await listening(
    t,
    createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')))
    }),
  )
  await t.rejects(open(t, { url, timeoutMs: 500 }).presence(), { code: 'NO_BROKER' })
})

async function listening(t: Test, server: Server): Promise<string> {
  const sockets = new Set<{ destroy(): void }>()
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `mqtt://127.0.0.1:${address.port}`
}
