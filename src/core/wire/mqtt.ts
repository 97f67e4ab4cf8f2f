/**
 * Any MQTT broker, of version 5 or 3.1.1, by mqtt.js: one client of it per connection, thrown away at the end. So nothing of its
 * own is left to reconnect, to subscribe twice or to send an oversized packet for ever; `link` does what goes on over connections.
 */
import './lengths.ts'
import { connect as dialTcp, isIP, type Socket } from 'node:net'
import { connect as dialTls } from 'node:tls'
import type { MqttClient } from 'mqtt'
import { IpdcError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Broker } from '../ports.ts'
import type { Connect, Connection, Opening } from './connection.ts'
import { createLink } from './link.ts'
import { disconnectBytes, isRefusal, isVersion, pubackBytes, reasonText } from './packet.ts'
import { pingTimer } from './ping.ts'

export interface MqttOptions {
  /** `mqtt://host:port`, or `mqtts:`. */
  readonly url: string
  /** Fixed, so that the broker knows the session again. */
  readonly clientId: string
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Certificates, PEM, of authorities that may vouch for an `mqtts:` broker. @default those that Node knows */
  readonly ca?: string | Buffer | undefined
  /** This node takes the broker for dead after 1.5 times as long without an answer, and a broker of 3.1.1 this node. @default 5 (s) */
  readonly keepaliveSeconds?: number | undefined
  /** For the first connection, and for each answer to a CONNECT. @default 5_000 (ms) */
  readonly timeoutMs?: number | undefined
  readonly log: Log
  /** A number in [0, 1), to spread reconnects. */
  readonly random?: (() => number) | undefined
}

/** How long a broker of version 5 keeps the session of a node that is away. 3.1.1 has no word for it. */
const sessionSeconds = 3600
/**
 * What a broker of version 5 is told of our keep-alive. mosquitto 2.0 looks for silent clients every 6 s only: one that is silent must
 * be overdue after 2 s to be found within 8.
 */
const toldSeconds = 1
/** Messages on their way at once, in each direction. */
const window = 100
/** Largest packet taken: a message, its topic and its properties. */
const maxPacketBytes = 131_072
/** What may wait in the socket before QoS 0 is dropped. */
const maxSocketBytes = 1 << 20
/** For a DISCONNECT to be answered by the end of the connection. */
const goodbyeMs = 500

export function createMqttBroker(options: MqttOptions): Broker {
  let version: 4 | 5 = 5
  const url = withoutPassword(options.url)
  const connect: Connect = async (opening) => {
    const first = await open(options, version, opening)
    if (first !== 'version') return first
    const other = version === 5 ? 4 : 5
    const second = await open(options, other, opening)
    if (second === 'version') throw new IpdcError('NO_BROKER', { message: `${url} takes neither MQTT 5 nor 3.1.1` })
    // A broker seldom changes its mind.
    version = other
    return second
  }
  return createLink({ url, connect, timeoutMs: options.timeoutMs, log: options.log, random: options.random })
}

/** A URL that may be shown and logged. */
function withoutPassword(url: string): string {
  const shown = new URL(url)
  shown.username = ''
  shown.password = ''
  return shown.href
}

/** A connection that was accepted, or `version` where the broker does not speak this one. @throws NO_BROKER, BROKER_REFUSED */
async function open(
  { url, clientId, username, password, ca, keepaliveSeconds = 5, timeoutMs = 5_000 }: MqttOptions,
  version: 4 | 5,
  opening: Opening,
): Promise<Connection | 'version'> {
  const { MqttClient } = await import('mqtt')
  const { will, receive, signal } = opening
  const pingSeconds = version === 5 ? Math.min(toldSeconds, keepaliveSeconds) : keepaliveSeconds
  const target = new URL(url)
  const user = username ?? (decodeURIComponent(target.username) || undefined)
  const pass = password ?? (decodeURIComponent(target.password) || undefined)
  let cause = 'the connection ended'
  let wasRefused: number | undefined
  let wasReached = false
  let isUntrusted = false

  const client = new MqttClient(
    () => {
      const socket = dial(target, ca)
      socket.once(target.protocol === 'mqtts:' ? 'secureConnect' : 'connect', () => {
        wasReached = true
      })
      return socket
    },
    {
      clientId,
      clean: false,
      protocolVersion: version,
      keepalive: pingSeconds,
      timerVariant: pingTimer(pingSeconds * 1000, keepaliveSeconds * 1500),
      connectTimeout: timeoutMs,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      // 65,536 small buffers, for a few integers.
      writeCache: false,
      ...(user === undefined ? {} : { username: user }),
      ...(pass === undefined ? {} : { password: pass }),
      ...(will === undefined ? {} : { will: { topic: will.topic, payload: asBuffer(will.bytes), qos: 1 as const, retain: true } }),
      ...(version === 5 ? { properties: { sessionExpiryInterval: sessionSeconds, receiveMaximum: window, maximumPacketSize: maxPacketBytes } } : {}),
    },
  )
  const { promise: ended, resolve: end } = Promise.withResolvers<string>()
  client.on('error', (error) => {
    cause = error.message
    if (!('code' in error)) return
    if (typeof error.code === 'number') wasRefused = error.code
    else isUntrusted = untrusted.has(String(error.code))
  })
  client.on('disconnect', ({ reasonCode }) => {
    cause = `the broker ended it: ${reasonText(reasonCode ?? 0)}`
  })
  client.on('close', () => end(cause))
  takeMessages(client, pingSeconds * 500, receive)

  const abort = (): void => void client.stream.destroy()
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    const connack = await Promise.race([new Promise<Connack>((resolve) => client.once('connect', resolve)), ended])
    if (typeof connack !== 'string') return connectionOf(client, connack, ended)
  } finally {
    signal.removeEventListener('abort', abort)
  }
  if (isVersion(wasRefused)) return 'version'
  if (isRefusal(wasRefused)) {
    throw new IpdcError('BROKER_REFUSED', { message: `The broker refused this node: ${cause}`, hint: 'Check the user and the password of the broker' })
  }
  // Some brokers of 3.1.1 hang up on a CONNECT of version 5 without a word.
  if (version === 5 && wasReached && wasRefused === undefined && !signal.aborted && cause !== 'connack timeout') return 'version'
  throw new IpdcError('NO_BROKER', { message: cause, ...(isUntrusted ? { hint: untrustedHint } : {}) })
}

/** What TLS says of a certificate that no authority known here vouches for, or that is of another name. */
const untrusted: ReadonlySet<string> = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
])
const untrustedHint = 'Name the certificate of its authority, "tls": {"ca": "FILE.pem"} in ipdc.json or IPDC_TLS_CA, and the broker as its certificate does'

interface Connack {
  readonly properties?: { readonly receiveMaximum?: number; readonly maximumPacketSize?: number }
}

function dial({ protocol, hostname, port }: URL, ca: MqttOptions['ca']): Socket {
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  // Without it, Nagle and a delayed ACK cost 40 ms a round trip.
  const socket = protocol === 'mqtts:' ? dialTls({ host, port: Number(port || 8883), ...tlsOf(host, ca) }) : dialTcp({ host, port: Number(port || 1883) })
  return socket.setNoDelay(true)
}

/** An address is no name to ask for (RFC 6066 §3); the certificate must be of it all the same. */
function tlsOf(host: string, ca: MqttOptions['ca']) {
  return { ...(isIP(host) === 0 ? { servername: host } : {}), ...(ca === undefined ? {} : { ca }) }
}

/** Keeps mqtt.js from a PUBACK of its own. One for all: an error made for each message costs more than the message. */
const acknowledged = new Error('acknowledged by the handler')

/**
 * A message is acknowledged when its handler is through. mqtt.js would read nothing else until then, not even the answers to our own
 * pings and messages: so it is let go on, without its own PUBACK, and ours is sent in time.
 */
function takeMessages(client: MqttClient, aliveMs: number, receive: Opening['receive']): void {
  client.handleMessage = ({ topic, payload, qos, messageId }, next) => {
    const { stream } = client
    const taken = (): void => {
      if (qos === 1 && messageId !== undefined && stream.writable) stream.write(pubackBytes(messageId))
    }
    const goOn = (): void => next(qos === 1 ? acknowledged : undefined)
    const room = receive(topic, asBuffer(payload), taken)
    if (room === undefined) return goOn()
    // We do not listen, so the broker's silence says nothing: neither side may take the other for dead.
    const alive = setInterval(() => {
      if (client.connected) client.sendPing()
      client.reschedulePing(true)
    }, aliveMs)
    void room.then(() => {
      clearInterval(alive)
      goOn()
    })
  }
}

function connectionOf(client: MqttClient, { properties }: Connack, ended: Promise<string>): Connection {
  const { stream } = client
  const largest = Math.min(maxPacketBytes, properties?.maximumPacketSize ?? maxPacketBytes)
  return {
    window: Math.min(window, properties?.receiveMaximum ?? window),
    ended,
    async publish(topic, bytes, options) {
      if (bytes.length + topic.length + 16 > largest) {
        throw new IpdcError('TOO_LARGE', {
          message: `The broker takes packets of ${largest} bytes at most`,
          hint: 'max_packet_size of the broker must be above 66000',
        })
      }
      if (options.qos === 0) {
        if (stream.writableLength < maxSocketBytes) client.publish(topic, asBuffer(bytes), options)
        return
      }
      await answer((done) => client.publish(topic, asBuffer(bytes), options, done), `a message for ${topic}`)
    },
    subscribe: (filters) => answer((done) => client.subscribe([...filters], { qos: 1 }, done), `a subscription of ${filters.join(', ')}`),
    unsubscribe: (filters) => answer((done) => client.unsubscribe([...filters], done), 'the end of subscriptions'),
    async end() {
      if (stream.destroyed) return
      const timer = setTimeout(() => stream.destroy(), goodbyeMs)
      stream.end(disconnectBytes)
      await ended
      clearTimeout(timer)
    },
  }
}

/** Resolves at the broker's yes, rejects at its no. At the end of the connection it does neither. */
function answer(ask: (done: (error?: Error | null) => void) => void, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    ask((error) => {
      if (!error) resolve()
      else if ('code' in error && typeof error.code === 'number')
        reject(new IpdcError('BROKER_REFUSED', { message: `The broker does not take ${what}: ${error.message}`, cause: error }))
    })
  })
}

function asBuffer(bytes: Uint8Array | string): Buffer {
  return typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
