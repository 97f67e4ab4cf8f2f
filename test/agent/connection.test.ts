import { writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openConnection } from '../../agent/connection.ts'
import { silent } from '../../src/core/log.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { makeTls } from '../services/tls.ts'
import { needs } from '../services.ts'
import { folder } from './rooms.ts'

const inbox = 'ipdc/1/lab/node/a/inbox'

async function open(t: Test, config: Partial<Parameters<typeof openConnection>[0]['config']>, self = 'node-1') {
  const home = await folder(t)
  const connection = await openConnection({ config: { broker: [], ...config }, home, self, log: silent })
  t.teardown(() => connection.close())
  return connection
}

t.test('told of no broker the agent serves one on loopback, where another finds it; with the agent it ends', async (t) => {
  const own = await open(t, {})
  t.equal(own.serves, true)
  t.match(own.url, /^mqtt:\/\/127\.0\.0\.1:[1-9]\d*$/)
  t.equal(own.broker.status.is, 'new', 'connected by presence only, which brings the will')
  await own.broker.presence()
  const other = await open(t, { broker: [own.url] }, 'node-2')
  t.equal(other.serves, false)
  t.equal(other.url, own.url)
  await other.broker.presence()
  const came = new Promise<string>((resolve) => void own.broker.subscribe(inbox, (_, bytes) => resolve(Buffer.from(bytes).toString())))
  await other.broker.publish(inbox, Buffer.from('hello'))
  t.equal(await came, 'hello')
  await other.close()
  await own.close()
  const late = await open(t, { broker: [own.url] }, 'node-3')
  await t.rejects(late.broker.presence(), { code: 'NO_BROKER' })
})

t.test('a port to serve on is taken, with another broker to use or without', async (t) => {
  const other = await open(t, {})
  const both = await open(t, { broker: [other.url], serveBroker: 0 })
  t.equal(both.serves, true)
  t.equal(both.url, other.url)
  const { port } = new URL(other.url)
  await t.rejects(open(t, { serveBroker: Number(port) }), { code: 'IO' }, 'it is taken')
})

t.test('more than one broker is not offered', async (t) => {
  await t.rejects(open(t, { broker: ['mqtt://a:1', 'mqtt://b:1'] }), { code: 'NOT_OFFERED', hint: /once/ })
})

t.test('a broker that says nothing is given up in time', async (t) => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => void sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  const silentOne = await open(t, { broker: [`mqtt://127.0.0.1:${port}`] })
  const since = performance.now()
  await t.rejects(silentOne.broker.presence(), { code: 'NO_BROKER' })
  t.ok(performance.now() - since < 5_000)
})

t.test('the authority of an mqtts broker is read from the home; a file that holds none is an error that names it', async (t) => {
  await t.rejects(open(t, { broker: ['mqtts://127.0.0.1:1'], tls: { ca: 'nothing.pem' } }), { code: 'BAD_CONFIG', message: /nothing\.pem/ })
  const home = await folder(t)
  await writeFile(join(home, 'ca.pem'), 'not PEM')
  const config = { broker: ['mqtts://127.0.0.1:1'], tls: { ca: 'ca.pem' } }
  await t.rejects(openConnection({ config, home, self: 'node-1', log: silent }), { code: 'BAD_CONFIG', message: /no certificate/ })
})

const [mosquitto, openssl] = [needs(t, 'mosquitto'), needs(t, 'openssl')]
if (mosquitto !== undefined && openssl !== undefined) {
  t.test('an mqtts broker is used with the authority that the configuration names', async (t) => {
    const { ca, cert, key } = await makeTls(t, openssl)
    const { url } = await startMosquitto(t, { program: mosquitto, conf: [`certfile ${cert}`, `keyfile ${key}`] })
    const secure = url.replace('mqtt:', 'mqtts:')
    const connection = await open(t, { broker: [secure], tls: { ca } })
    await connection.broker.presence()
    t.match(connection.broker.status, { is: 'up', url: secure })
  })
}
