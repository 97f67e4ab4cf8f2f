/**
 * The Broker port over connections that come and go: keeps the subscriptions and what is to be sent, and makes a new connection
 * whenever one ends, until it is closed. Each connection subscribes anew, so a broker that comes back empty is as good as one
 * that remembers.
 */
import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { IpdcError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Broker, MessageHandler, Will } from '../ports.ts'
import { backoffMs, steadyMs } from './backoff.ts'
import type { Connect, Connection } from './connection.ts'
import { createDelivery } from './delivery.ts'
import { maxMessageBytes } from './message.ts'
import { createOutgoing } from './outgoing.ts'
import { createStatus } from './status.ts'
import { checkFilter, matches, parseTopic } from './topic.ts'

export interface LinkOptions {
  readonly url: string
  readonly connect: Connect
  /** How long `presence` waits for the first connection. After it has given up, the link still goes on trying. @default 5_000 (ms) */
  readonly timeoutMs?: number | undefined
  readonly log: Log
  /** A number in [0, 1), to spread reconnects. @default by node:crypto */
  readonly random?: (() => number) | undefined
}

/** How long a broker may take to forget the subscriptions of a node that goes. @default 500 (ms) */
const farewellMs = 500

export function createLink({ url, connect, timeoutMs = 5_000, log, random = () => randomInt(2 ** 32) / 2 ** 32 }: LinkOptions): Broker {
  const filters = new Map<string, MessageHandler>()
  const outgoing = createOutgoing()
  const delivery = createDelivery((topic, bytes) => handle(filters, topic, bytes, log))
  const { status, setStatus, onStatus, firstUp } = createStatus(url, log)
  const closing = new AbortController()
  let will: Will | undefined
  let connection: Connection | undefined
  let keeping: Promise<void> | undefined

  /** Connection after connection. */
  const keep = async (): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted; failures++) {
      const began = performance.now()
      try {
        const cause = await hold(await connect({ will, receive: delivery.put, signal: closing.signal }))
        setStatus({ is: 'down', cause })
      } catch (error) {
        setStatus({ is: 'down', cause: (error as Error).message }, error)
      }
      if (performance.now() - began > steadyMs) failures = 0
      await delay(backoffMs(failures, random()), undefined, { signal: closing.signal }).catch(() => {})
    }
  }

  /** From its acceptance to its end. */
  const hold = async (open: Connection): Promise<string> => {
    connection = open
    try {
      if (closing.signal.aborted) return 'closed by this node'
      if (filters.size > 0) {
        const cause = await Promise.race([open.subscribe([...filters.keys()]), open.ended])
        if (cause !== undefined) return cause
      }
      setStatus({ is: 'up', url })
      outgoing.attach(open)
      return await open.ended
    } finally {
      connection = undefined
      outgoing.detach()
      await open.end()
    }
  }

  const checkOpen = (): void => {
    if (closing.signal.aborted) throw new IpdcError('NO_BROKER', { message: `The connection to ${url} was closed by this node` })
  }

  return {
    get status() {
      return status()
    },
    onStatus,
    async presence(next) {
      checkOpen()
      will = next
      if (status().is === 'up') return
      const up = firstUp(timeoutMs)
      keeping ??= keep()
      await up
    },
    async publish(topic, bytes, { qos = 1, retain = false, signal } = {}) {
      parseTopic(topic)
      if (bytes.length > maxMessageBytes)
        throw new IpdcError('TOO_LARGE', { message: `${bytes.length} bytes for ${topic}: a message has at most ${maxMessageBytes}` })
      checkOpen()
      if (signal?.aborted === true) throw new IpdcError('NO_BROKER', { message: `Nobody waits for a message for ${topic} any more`, cause: signal.reason })
      if (qos === 1) await outgoing.add(topic, bytes, retain, signal)
      else if (status().is === 'up') await connection?.publish(topic, bytes, { qos, retain })
    },
    async subscribe(filter, handler) {
      checkFilter(filter)
      checkOpen()
      if (filters.has(filter)) throw new IpdcError('USAGE', { message: `${filter} has a handler already` })
      filters.set(filter, handler)
      // Without a connection, the next one begins with it.
      if (connection !== undefined) await Promise.race([connection.subscribe([filter]), connection.ended])
      return async () => {
        if (!filters.delete(filter) || connection === undefined) return
        await Promise.race([connection.unsubscribe([filter]), connection.ended])
      }
    },
    async close() {
      if (!closing.signal.aborted) {
        closing.abort()
        delivery.close()
        outgoing.close()
        setStatus({ is: 'closed' })
        // Or the broker would go on to keep messages for a node that has gone.
        if (connection !== undefined && filters.size > 0) await atMost(farewellMs, connection.unsubscribe([...filters.keys()]))
        await connection?.end()
      }
      await keeping
    },
  }
}

/** Gives a message to whoever subscribed to it. Resolves when all are through; never throws. */
function handle(filters: ReadonlyMap<string, MessageHandler>, topic: string, bytes: Uint8Array, log: Log): undefined | Promise<unknown> {
  const running: Promise<void>[] = []
  const failed = (err: unknown) => log.error({ topic, err }, 'handler of a message failed')
  for (const [filter, handler] of filters) {
    if (!matches(filter, topic)) continue
    try {
      const result = handler(topic, bytes)
      if (result instanceof Promise) running.push(result.catch(failed))
    } catch (err) {
      failed(err)
    }
  }
  return running.length === 0 ? undefined : Promise.all(running)
}

async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController()
  await Promise.race([work.catch(() => {}), delay(ms, undefined, { signal: done.signal }).catch(() => {})])
  done.abort()
}
