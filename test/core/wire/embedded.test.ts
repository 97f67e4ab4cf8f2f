import { once } from 'node:events'
import { connect as dial } from 'node:net'
import { connect, type IClientOptions, type MqttClient } from 'mqtt'
import t, { type Test } from 'tap'
import { createEmbeddedBroker } from '../../../src/core/wire/embedded.ts'
import { maxKept } from '../../../src/core/wire/offline.ts'
import { conformance } from '../../conformance/broker.ts'
import { mqttBench } from './bench.ts'

const inbox = 'ipdc/1/lab/node/a/inbox'
const presence = 'ipdc/1/lab/node/a/presence'

conformance(t, {
  async start(t) {
    let broker = await createEmbeddedBroker()
    t.teardown(() => broker.close())
    const port = Number(new URL(broker.url).port)
    return mqttBench(t, {
      url: broker.url,
      kill: () => broker.close(),
      async start() {
        broker = await createEmbeddedBroker({ port })
      },
    })
  },
})

t.test('it listens on loopback only, and says when its port is taken', async (t) => {
  await t.rejects(createEmbeddedBroker({ host: '0.0.0.0' }), { code: 'REFUSED' })
  const { url } = await serve(t)
  await t.rejects(createEmbeddedBroker({ port: Number(new URL(url).port) }), { code: 'IO', message: /EADDRINUSE/ })
})

t.test('a message that is none of ours ends the connection of its sender', async (t) => {
  const { url } = await serve(t)
  const bad: [string, Parameters<MqttClient['publish']>][] = [
    ['another topic', ['x/y', 'x', { qos: 1 }]],
    ['a topic of the broker', ['$SYS/x', 'x', { qos: 1 }]],
    ['more than 64 KiB', [inbox, Buffer.alloc(65_537), { qos: 1 }]],
    ['QoS 2', [inbox, 'x', { qos: 2 }]],
    ['retained, but no presence', [inbox, 'x', { qos: 1, retain: true }]],
  ]
  for (const [what, publish] of bad) {
    const stranger = await raw(t, url)
    const closed = closing(stranger)
    stranger.publish(...publish)
    await closed
    t.pass(what)
  }
})

t.test('a filter that is none of ours is not granted', async (t) => {
  const { url } = await serve(t)
  const stranger = await raw(t, url)
  for (const filter of ['#', '$SYS/#', 'ipdc/1/+/node/a/inbox', '+/+/+/+/+/+']) {
    await t.rejects(stranger.subscribeAsync(filter, { qos: 1 }), filter)
  }
  t.match(await stranger.subscribeAsync(inbox, { qos: 1 }), [{ qos: 1 }])
})

t.test('a will for a topic that is none of ours is not published', async (t) => {
  const { url } = await serve(t)
  const watcher = await raw(t, url)
  const heard: string[] = []
  watcher.on('message', (topic) => heard.push(topic))
  await watcher.subscribeAsync('ipdc/1/lab/node/+/presence', { qos: 1 })
  const bad = await raw(t, url, { will: { topic: 'x/y', payload: Buffer.from('x'), qos: 1, retain: true } })
  const good = await raw(t, url, { will: { topic: presence, payload: Buffer.from('x'), qos: 1, retain: true } })
  const arrived = new Promise<void>((resolve) => watcher.once('message', () => resolve()))
  bad.stream.destroy()
  good.stream.destroy()
  await arrived
  t.same(heard, [presence])
})

t.test('a packet that announces more than it may have is not waited for', async (t) => {
  const { url } = await serve(t)
  const socket = dial(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => {})
  const closed = new Promise((resolve) => socket.on('close', resolve))
  // CONNECT of client `x` in 3.1.1, then PUBLISH of 200 MB.
  socket.write(Buffer.from([0x10, 13, 0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 60, 0, 1, 0x78]))
  await once(socket, 'data')
  socket.write(Buffer.from([0x30, 0x80, 0x84, 0xaf, 0x5f]))
  const chunk = Buffer.alloc(65_536)
  let sent = 0
  const pour = (): void => {
    while (!socket.destroyed && sent < 1 << 26) {
      sent += chunk.length
      if (!socket.write(chunk)) return
    }
  }
  socket.on('drain', pour)
  pour()
  await closed
  t.ok(sent < 1 << 26, `${sent} bytes`)
})

t.test('a subscriber that has stopped reading holds up its senders for a moment, and nobody else', async (t) => {
  const { url } = await serve(t)
  const bench = mqttBench(t, { url, kill: async () => {}, start: async () => {} })
  const [frozen, sender, other] = await Promise.all(['frozen', 'sender', 'other'].map((id) => bench.open(id)))
  if (frozen === undefined || sender === undefined || other === undefined) throw new Error('not opened')
  await Promise.all([frozen, sender, other].map((broker) => broker.presence()))
  await frozen.subscribe(inbox, () => {})
  const arrival = Promise.withResolvers<void>()
  await other.subscribe('ipdc/1/lab/node/other/inbox', () => arrival.resolve())
  bench.freeze?.('frozen')
  const since = performance.now()
  const sent = Promise.all(Array.from({ length: 250 }, () => sender.publish(inbox, new Uint8Array(60_000))))
  await sender.publish(inbox, new Uint8Array(1), { qos: 0 })
  await other.publish('ipdc/1/lab/node/other/inbox', new Uint8Array(1))
  await arrival.promise
  t.ok(performance.now() - since < 1500, `others: ${Math.round(performance.now() - since)} ms`)
  await sent
  t.ok(performance.now() - since < 5000, `its senders: ${Math.round(performance.now() - since)} ms`)
})

t.test('what it keeps for a client that is away is bounded', async (t) => {
  const { url } = await serve(t)
  const away = await raw(t, url, { clientId: 'away', clean: false })
  await away.subscribeAsync(inbox, { qos: 1 })
  const sender = await raw(t, url)
  away.stream.destroy()
  await closing(away)
  for (let i = 0; i < maxKept + 100; i += 100) await Promise.all(Array.from({ length: 100 }, (_, j) => sender.publishAsync(inbox, `${i + j}`, { qos: 1 })))
  const words: string[] = []
  const back = connect(url, { clientId: 'away', clean: false, protocolVersion: 4, reconnectPeriod: 0 })
  t.teardown(() => back.endAsync(true))
  const heard = (word: string) =>
    new Promise<void>((resolve) => {
      back.on('message', (_, payload) => {
        if (payload.toString() === word) resolve()
      })
    })
  back.on('message', (_, payload) => words.push(payload.toString()))
  await heard(`${maxKept - 1}`)
  const end = heard('end')
  await sender.publishAsync(inbox, 'end', { qos: 1 })
  await end
  t.same(words, [...Array.from({ length: maxKept }, (_, i) => `${i}`), 'end'])
})

async function serve(t: Test) {
  const broker = await createEmbeddedBroker()
  t.teardown(() => broker.close())
  return broker
}

/** A client that keeps none of our rules. */
async function raw(t: Test, url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = connect(url, { protocolVersion: 4, reconnectPeriod: 0, ...options })
  t.teardown(() => client.endAsync(true))
  await new Promise<void>((resolve) => client.once('connect', () => resolve()))
  return client
}

function closing(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once('close', resolve))
}
