/** What comes from the broker: opened, or refused and counted; then given to whom it concerns. */
import type { JobId, NodeId } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import type { Broker } from '../src/core/ports.ts'
import type { Opener } from '../src/core/wire/envelope.ts'
import type { Message } from '../src/core/wire/message.ts'
import { eventsTopic, inboxTopic, presenceFilter } from '../src/core/wire/topic.ts'

export interface AirOptions {
  readonly domain: string
  readonly self: NodeId
  readonly broker: Broker
  readonly opener: Opener
  readonly hear: (message: Message) => Promise<void>
  readonly log: Log
}

export function createAir({ domain, self, broker, opener, hear, log }: AirOptions) {
  const jobs = new Map<JobId, Promise<() => Promise<void>>>()

  const receive = async (topic: string, bytes: Uint8Array) => {
    let message: Message
    try {
      message = opener.open(topic, bytes)
    } catch (error) {
      log.debug({ topic, err: error }, 'message refused')
      return
    }
    await hear(message)
  }

  return {
    /** Presence first: who is not known yet is not believed. */
    async start(): Promise<void> {
      await broker.subscribe(presenceFilter(domain), receive)
      await broker.subscribe(inboxTopic(domain, self), receive)
    },
    /** Progress of our own jobs, while they are open. */
    async follow(job: JobId, is: 'open' | 'closed'): Promise<void> {
      try {
        if (is === 'open') jobs.set(job, broker.subscribe(eventsTopic(domain, job), receive))
        const end = await jobs.get(job)
        if (is === 'open') return
        jobs.delete(job)
        await end?.()
      } catch (error) {
        log.warn({ job, err: error }, 'events not followed')
      }
    },
  }
}
