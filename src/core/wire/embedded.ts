/**
 * A broker of our own, for one machine: aedes on a loopback port, MQTT 3.1.1. Whoever can connect may speak: what is said is
 * signed. Only our topics are taken, in our sizes, and all that it keeps is bounded. Nothing survives it.
 */
import './lengths.ts'
import { createServer, type Server, type Socket } from 'node:net'
import { Aedes, type Aedes as Broker } from 'aedes'
import { IpdcError, wrap } from '../errors.ts'
import { maxMessageBytes } from './message.ts'
import { createOffline } from './offline.ts'
import { checkFilter, parseTopic } from './topic.ts'

export interface EmbeddedBroker {
  readonly url: string
  close(): Promise<void>
}

/** Connections at once. @default 1_000 */
const maxConnections = 1_000
/** Messages on their way to subscribers at once. A frozen subscriber holds its own until it is dropped; the others need room beside it. */
const concurrency = 1_000
/** A subscriber that takes nothing for so long is dropped: until then its senders wait for it. @default 2_000 (ms) */
const drainTimeoutMs = 2_000
/** For a CONNECT to come. @default 5_000 (ms) */
const connectTimeoutMs = 5_000
/** Bytes of a packet that has not come whole. @default 262_144 */
const maxPartialBytes = 1 << 18

/** @throws REFUSED `host` is not a loopback address; IO the port is taken */
export async function createEmbeddedBroker({ host = '127.0.0.1', port = 0 }: { readonly host?: string; readonly port?: number } = {}): Promise<EmbeddedBroker> {
  if (!/^(?:127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host)) {
    throw new IpdcError('REFUSED', {
      message: `The embedded broker listens on loopback only, not on ${host}`,
      hint: 'Run mosquitto for a network, and give its URL with --broker',
    })
  }
  const broker = await Aedes.createBroker({
    concurrency,
    queueLimit: 42,
    drainTimeout: drainTimeoutMs,
    connectTimeout: connectTimeoutMs,
    maxTopicLevels: 7,
    authorizePublish: (_, { topic, payload, qos, retain }, done) => done(refusal({ topic, bytes: payload.length, qos, retain })),
    authorizeSubscribe: (_, subscription, done) => done(null, isFilter(subscription.topic) ? subscription : null),
  })
  boundSessions(broker)
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    const client = broker.handle(socket)
    socket.on('readable', () => {
      if (partialBytes(client) > maxPartialBytes) socket.destroy()
    })
  })
  server.maxConnections = maxConnections
  try {
    await listen(server, host, port)
  } catch (error) {
    broker.close()
    throw error
  }
  const address = server.address()
  if (address === null || typeof address === 'string') throw new IpdcError('INTERNAL', { message: 'The broker listens nowhere' })
  return {
    url: `mqtt://${host === '::1' ? '[::1]' : host}:${address.port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      await new Promise<void>((resolve) => broker.close(resolve))
      // Those that never said who they are.
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Why a message, or a will, is not taken: its sender is disconnected. */
function refusal({ topic, bytes, qos, retain }: { topic: string; bytes: number; qos: number; retain: boolean }): Error | null {
  try {
    const { is } = parseTopic(topic)
    if (bytes > maxMessageBytes) return new Error(`${bytes} bytes`)
    if (qos === 2) return new Error('QoS 2')
    return retain && is !== 'presence' ? new Error(`a retained message on ${topic}`) : null
  } catch (error) {
    return error as Error
  }
}

function isFilter(filter: string): boolean {
  try {
    checkFilter(filter)
    return true
  } catch {
    return false
  }
}

/** What aedes keeps for clients, as far as it does not bound it itself. */
interface Persistence {
  outgoingEnqueueCombi(subscriptions: readonly { readonly clientId: string }[], packet: unknown): Promise<void>
  cleanSubscriptions(client: { readonly id: string }): Promise<unknown>
  outgoingStream(client: { readonly id: string }): AsyncIterable<{ readonly messageId?: number }>
  outgoingClearMessageId(client: { readonly id: string }, packet: { readonly messageId?: number }): Promise<unknown>
}

/** aedes keeps every message for every client that was ever here. */
function boundSessions(broker: Broker): void {
  const offline = createOffline()
  // Not in its types, and documented: the store that `persistence` of its options replaces.
  const { persistence } = broker as unknown as { readonly persistence: Persistence }
  const enqueue = persistence.outgoingEnqueueCombi.bind(persistence)
  persistence.outgoingEnqueueCombi = (subscriptions, packet) =>
    enqueue(
      subscriptions.filter(({ clientId }) => offline.keeps(clientId)),
      packet,
    )
  broker.on('client', ({ id }) => offline.came(id))
  broker.on('clientDisconnect', ({ id }) => {
    for (const gone of offline.left(id, performance.now())) void forget(persistence, gone)
  })
}

async function forget(persistence: Persistence, id: string): Promise<void> {
  await persistence.cleanSubscriptions({ id })
  for await (const packet of persistence.outgoingStream({ id })) await persistence.outgoingClearMessageId({ id }, packet)
}

/** Its parser waits for as many bytes as a packet announces, up to 256 MB, and has no bound of its own. */
function partialBytes(client: ReturnType<Broker['handle']>): number {
  const { _parser } = client as unknown as { readonly _parser?: { readonly _list?: { readonly length: number } } }
  return _parser?._list?.length ?? 0
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(wrap(error, 'IO', `The broker cannot listen on ${host}:${port}`)))
    server.listen(port, host, resolve)
  })
}
