/**
 * Messages that the broker does not have yet, in order. They outlive a connection: what was on its way goes out again first.
 * Bounded by number and by bytes; the truth is elsewhere, so what does not fit is refused, not kept.
 */
import { IpdcError } from '../errors.ts'
import type { Connection } from './connection.ts'

/** @default 1_000 (messages) */
export const maxOutgoing = 1_000
/** @default 16_777_216 (bytes) */
export const maxOutgoingBytes = 1 << 24
/** A message on which the connection ended so many times is given up: a broker may hang up on what it finds too large. */
const maxTries = 3

export interface Outgoing {
  /** Resolves when the broker has it. @throws BUSY, NO_BROKER when full; NO_BROKER when `signal` ends the wait, or at `close` */
  add(topic: string, bytes: Uint8Array, retain: boolean, signal?: AbortSignal): Promise<void>
  /** Sends over this connection from now on. */
  attach(connection: Connection): void
  /** The connection is gone: holds back until there is another. */
  detach(): void
  close(): void
}

interface Entry {
  readonly topic: string
  readonly bytes: Uint8Array
  readonly retain: boolean
  readonly signal: AbortSignal | undefined
  readonly giveUp: () => void
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  tries: number
}

export function createOutgoing(): Outgoing {
  let waiting: Entry[] = []
  const sent = new Set<Entry>()
  let connection: Connection | undefined
  let bytesHeld = 0

  const fill = (): void => {
    while (connection !== undefined && sent.size < connection.window) {
      const entry = waiting.shift()
      if (entry === undefined) return
      sent.add(entry)
      void send(entry, connection)
    }
  }

  const send = async (entry: Entry, over: Connection): Promise<void> => {
    try {
      await over.publish(entry.topic, entry.bytes, { qos: 1, retain: entry.retain })
      leave(entry)
      entry.resolve()
    } catch (error) {
      leave(entry)
      entry.reject(error)
    }
    fill()
  }

  const leave = (entry: Entry): void => {
    const at = waiting.indexOf(entry)
    if (at >= 0) waiting.splice(at, 1)
    if (!sent.delete(entry) && at < 0) return
    bytesHeld -= entry.bytes.length
    entry.signal?.removeEventListener('abort', entry.giveUp)
  }

  const refuse = (entry: Entry, message: string, more: { hint?: string; cause?: unknown } = {}): void => {
    leave(entry)
    entry.reject(new IpdcError('NO_BROKER', { message, ...more }))
  }

  return {
    async add(topic, bytes, retain, signal) {
      const held = waiting.length + sent.size
      if (held >= maxOutgoing || bytesHeld + bytes.length > maxOutgoingBytes) {
        if (connection === undefined) throw new IpdcError('NO_BROKER', { message: `The broker is down, and ${held} messages wait for it already` })
        throw new IpdcError('BUSY', { message: `The broker does not keep up: ${held} messages wait for it` })
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const giveUp = (): void => refuse(entry, `The broker did not take a message for ${topic} in time`, { cause: signal?.reason })
      const entry: Entry = { topic, bytes, retain, signal, giveUp, resolve, reject, tries: 0 }
      signal?.addEventListener('abort', giveUp, { once: true })
      bytesHeld += bytes.length
      waiting.push(entry)
      fill()
      return promise
    },
    attach(next) {
      connection = next
      fill()
    },
    detach() {
      connection = undefined
      const [first, ...rest] = sent
      sent.clear()
      if (first === undefined) return
      waiting = [first, ...rest, ...waiting]
      if (++first.tries >= maxTries) {
        const hint = 'max_packet_size of the broker must be above 66000'
        refuse(first, `The connection ended ${maxTries} times on a message of ${first.bytes.length} bytes for ${first.topic}`, { hint })
      }
    },
    close() {
      connection = undefined
      for (const entry of [...sent, ...waiting]) refuse(entry, 'This node closed its connection to the broker')
    },
  }
}
