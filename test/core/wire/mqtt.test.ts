import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { silent } from '../../../src/core/log.ts'
import type { BrokerStatus } from '../../../src/core/ports.ts'
import { createEmbeddedBroker } from '../../../src/core/wire/embedded.ts'
import { createMqttBroker, type MqttOptions } from '../../../src/core/wire/mqtt.ts'
import { conformance } from '../../conformance/broker.ts'
import { startMosquitto } from '../../services/mosquitto.ts'
import { needs } from '../../services.ts'
import { mqttBench } from './bench.ts'

const inbox = 'ipdc/1/lab/node/a/inbox'
const comeAndGo = fileURLToPath(new URL('../../fixtures/wire/come-and-go.ts', import.meta.url))

const program = needs(t, 'mosquitto')
if (program !== undefined) {
  conformance(t, {
    async start(t) {
      const mosquitto = await startMosquitto(t, { program })
      return mqttBench(t, { url: mosquitto.url, kill: mosquitto.kill9, start: mosquitto.start })
    },
  })

  t.test('a broker that refuses us says so at once, and its password opens it', async (t) => {
    const dir = t.testdir({ passwords: '' })
    const made = spawnSync('mosquitto_passwd', ['-b', join(dir, 'passwords'), 'node-1', 'secret'], { encoding: 'utf8' })
    t.equal(made.status, 0, made.stderr)
    const { url } = await startMosquitto(t, { program, conf: ['allow_anonymous false', `password_file ${join(dir, 'passwords')}`] })
    const since = performance.now()
    await t.rejects(open(t, { url }).presence(), { code: 'BROKER_REFUSED' })
    await t.rejects(open(t, { url, username: 'node-1', password: 'wrong' }).presence(), { code: 'BROKER_REFUSED' })
    t.ok(performance.now() - since < 2000)
    await open(t, { url, username: 'node-1', password: 'secret' }).presence()
    const other = open(t, { url: url.replace('//', '//node-1:secret@'), clientId: 'other' })
    await other.presence()
    t.same(other.status, { is: 'up', url }, 'and the password is not shown')
  })

  t.test('a broker with small packets is asked for no more, and goes on to speak with us', async (t) => {
    const { url } = await startMosquitto(t, { program, conf: ['max_packet_size 10000'] })
    const broker = open(t, { url })
    await broker.presence()
    const downs = watch(broker)
    await t.rejects(broker.publish(inbox, new Uint8Array(20_000)), { code: 'TOO_LARGE' })
    await broker.publish(inbox, new Uint8Array(9_000))
    t.same(downs, [])
  })

  t.test('a request and its answer take no Nagle delay', async (t) => {
    const { url } = await startMosquitto(t, { program })
    const median = await roundTrips(t, url)
    t.ok(median < 25, `${median.toFixed(1)} ms`)
  })

  t.test('a closed broker leaves nothing that keeps a process alive', async (t) => {
    const { url } = await startMosquitto(t, { program })
    t.equal(await comesAndGoes(url), 'spoke\n')
  })
}

t.test('so too with the embedded broker, in 3.1.1, and with none', async (t) => {
  const embedded = await createEmbeddedBroker()
  t.teardown(() => embedded.close())
  t.equal(await comesAndGoes(embedded.url), 'spoke\n')
  const median = await roundTrips(t, embedded.url)
  t.ok(median < 25, `${median.toFixed(1)} ms`)
  t.equal(await comesAndGoes('mqtt://127.0.0.1:1'), 'NO_BROKER\n')
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

function open(t: Test, options: Partial<MqttOptions> & { readonly url: string }) {
  const broker = createMqttBroker({ clientId: 'node-1', log: silent, ...options })
  t.teardown(() => broker.close())
  return broker
}

function watch(broker: ReturnType<typeof open>): BrokerStatus[] {
  const seen: BrokerStatus[] = []
  broker.onStatus((status) => seen.push(status))
  return seen
}

/** Median of a few requests and answers between two clients, in ms. */
async function roundTrips(t: Test, url: string): Promise<number> {
  const [asks, answers] = [open(t, { url, clientId: 'asks' }), open(t, { url, clientId: 'answers' })]
  await Promise.all([asks.presence(), answers.presence()])
  let arrived = (): void => {}
  await asks.subscribe('ipdc/1/lab/node/asks/inbox', () => arrived())
  await answers.subscribe('ipdc/1/lab/node/answers/inbox', (_, bytes) => answers.publish('ipdc/1/lab/node/asks/inbox', bytes))
  const times: number[] = []
  for (let i = 0; i < 41; i++) {
    const since = performance.now()
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve
    })
    await asks.publish('ipdc/1/lab/node/answers/inbox', new Uint8Array(500))
    await arrival
    times.push(performance.now() - since)
  }
  return times.sort((a, b) => a - b)[20] ?? Number.NaN
}

/** What a process said that connects, speaks, closes and then ends by itself. */
async function comesAndGoes(url: string): Promise<string> {
  const child = spawn(process.execPath, [comeAndGo, url], { stdio: ['ignore', 'pipe', 'inherit'], env: {}, timeout: 10_000 })
  const [said, [status, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return status === 0 ? said : `${said}${status} ${signal}`
}

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
