/**
 * A broker within one process, for tests and simulations: retained messages, wills, QoS 1 until acknowledged, sessions that
 * outlive a connection. Clients keep the same link to it as to a real one, and it can be cut, stopped and started empty.
 */

import { IpdcError } from '../errors.ts'
import { type Log, silent } from '../log.ts'
import type { Broker, Will } from '../ports.ts'
import type { Connection, Opening } from './connection.ts'
import { createLink, type LinkOptions } from './link.ts'
import { matches } from './topic.ts'

export interface MemoryNetwork {
  broker(clientId: string, options?: Pick<LinkOptions, 'timeoutMs'> & { readonly log?: Log }): Broker
  /** The connection of this client ends without its doing: the will is published. */
  cut(clientId: string): void
  /** Ends all connections and forgets everything. */
  stop(): void
  start(): void
}

/** Messages kept for a client, at most; more are dropped, as brokers do. */
const maxQueued = 20_000

interface Session {
  readonly filters: Set<string>
  /** Not acknowledged yet. */
  readonly queue: Set<Queued>
  live: Live | undefined
}

interface Queued {
  readonly topic: string
  readonly bytes: Uint8Array
}

interface Live extends Opening {
  readonly end: (cause: string) => void
}

/** `random` spreads reconnects, as in `createLink`. */
export function createMemoryNetwork({ random }: Pick<LinkOptions, 'random'> = {}): MemoryNetwork {
  const sessions = new Map<string, Session>()
  const retained = new Map<string, Uint8Array>()
  let isUp = true

  const route = (topic: string, bytes: Uint8Array, qos: 0 | 1, retain: boolean): void => {
    if (retain && bytes.length === 0) retained.delete(topic)
    else if (retain) retained.set(topic, bytes)
    for (const session of sessions.values()) {
      if ([...session.filters].some((filter) => matches(filter, topic))) enqueue(session, { topic, bytes }, qos)
    }
  }

  const enqueue = (session: Session, message: Queued, qos: 0 | 1): void => {
    if (qos === 1) {
      if (session.queue.size >= maxQueued) return
      session.queue.add(message)
    }
    if (session.live !== undefined) deliver(session, session.live, message)
  }

  const deliver = (session: Session, { receive }: Live, message: Queued): void => {
    // What asks to wait is not waited for: all is in memory already.
    void receive(message.topic, message.bytes, () => session.queue.delete(message))
  }

  /** Without the client's doing. */
  const drop = (session: Session, cause: string): void => {
    const live = session.live
    session.live = undefined
    live?.end(cause)
    if (live?.will !== undefined && isUp) publishWill(live.will)
  }
  const publishWill = ({ topic, bytes }: Will): void => route(topic, bytes, 1, true)

  const connect = async (clientId: string, opening: Opening): Promise<Connection> => {
    await turn()
    if (!isUp) throw new IpdcError('NO_BROKER', { message: 'The network is stopped' })
    const session = sessions.get(clientId) ?? { filters: new Set(), queue: new Set(), live: undefined }
    sessions.set(clientId, session)
    drop(session, 'another connection of this client')
    const { promise: ended, resolve: end } = Promise.withResolvers<string>()
    const live: Live = { ...opening, end }
    session.live = live
    for (const message of session.queue) deliver(session, live, message)
    return connectionOf(session, live, ended)
  }

  const connectionOf = (session: Session, live: Live, ended: Promise<string>): Connection => {
    /** Resolves one turn later, where the connection still stands: as over a network. */
    const arrived = async (): Promise<void> => {
      await turn()
      if (session.live !== live) await new Promise<never>(() => {})
    }
    return {
      window: 100,
      ended,
      async publish(topic, bytes, { qos, retain }) {
        const copy = Uint8Array.from(bytes)
        await arrived()
        route(topic, copy, qos, retain)
      },
      async subscribe(filters) {
        await arrived()
        for (const filter of filters) {
          session.filters.add(filter)
          for (const [topic, bytes] of retained) if (matches(filter, topic)) enqueue(session, { topic, bytes }, 1)
        }
      },
      async unsubscribe(filters) {
        await arrived()
        for (const filter of filters) session.filters.delete(filter)
      },
      async end() {
        if (session.live === live) session.live = undefined
        live.end('closed by this node')
      },
    }
  }

  return {
    broker(clientId, { timeoutMs, log = silent } = {}) {
      return createLink({ url: `memory:${clientId}`, connect: (opening) => connect(clientId, opening), timeoutMs, log, random })
    },
    cut(clientId) {
      const session = sessions.get(clientId)
      if (session !== undefined) drop(session, 'cut')
    },
    stop() {
      isUp = false
      for (const session of sessions.values()) drop(session, 'the network stopped')
      sessions.clear()
      retained.clear()
    },
    start() {
      isUp = true
    },
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
