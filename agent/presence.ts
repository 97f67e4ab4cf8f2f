/**
 * Tells the domain that this node is here and what it has; hears it of the others. Published, retained, at each connection to a
 * broker (which may have come back empty), at each change and every five minutes.
 */
import type { NodeId } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import type { Broker } from '../src/core/ports.ts'
import type { Sealer } from '../src/core/wire/envelope.ts'
import type { NodePresence } from '../src/core/wire/message.ts'
import { presenceTopic } from '../src/core/wire/topic.ts'

/** @default 300_000 (ms) */
const againMs = 300_000

export interface PresenceOptions {
  readonly domain: string
  readonly self: NodeId
  /** As it is now. */
  readonly certificate: () => Uint8Array
  readonly broker: Broker
  readonly sealer: Sealer
  /** What to tell now. */
  readonly describe: () => NodePresence
  readonly log: Log
}

export function createPresence({ domain, self, certificate, broker, sealer, describe, log }: PresenceOptions) {
  const topic = presenceTopic(domain, self)
  let again: NodeJS.Timeout | undefined

  const announce = async (signal?: AbortSignal) => {
    // While there is no broker nobody hears it, and at the next connection it is said anyway.
    if (broker.status.is !== 'up') return
    try {
      await broker.publish(topic, sealer.seal('node.presence', { dst: '*', body: describe() }), { retain: true, ...(signal === undefined ? {} : { signal }) })
    } catch (error) {
      log.warn({ err: error }, 'presence not published')
    }
  }
  const gone = (closed: boolean) => sealer.seal('node.gone', { dst: '*', body: { certificate: certificate(), closed } })

  return {
    /** Arms the will and connects. @throws NO_BROKER, BROKER_REFUSED */
    async start(): Promise<void> {
      broker.onStatus(({ is }) => {
        if (is === 'up') void announce()
      })
      await broker.presence({ topic, bytes: gone(false) })
      again = setInterval(() => void announce(), againMs)
    },
    announce,
    /** Has a new certificate: told at once, and in the will of the next connection. */
    async renewed(): Promise<void> {
      if (again === undefined) return
      await broker.presence({ topic, bytes: gone(false) }).catch((error) => log.warn({ err: error }, 'will not renewed'))
      await announce()
    },
    /** The last word: this node went in good order. */
    async stop(signal: AbortSignal): Promise<void> {
      clearInterval(again)
      if (broker.status.is === 'up') await broker.publish(topic, gone(true), { retain: true, signal }).catch(() => {})
    },
  }
}
