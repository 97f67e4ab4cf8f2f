/**
 * Seals and publishes. Facts about tasks of one job to one coordinator that are said in the same turn of the event loop travel
 * as one message; each tells how much room is left for that coordinator.
 */

import type { NodeId } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import type { Broker } from '../src/core/ports.ts'
import type { createSealer } from '../src/core/wire/envelope.ts'
import { type Body, type MessageType, maxBatch } from '../src/core/wire/message.ts'
import { inboxTopic } from '../src/core/wire/topic.ts'

/** Types whose body is `{ free, tasks }`. */
export type FactType = 'task.accepted' | 'task.refused' | 'task.started' | 'task.done' | 'task.failed' | 'task.cancelled'
export type Fact<T extends FactType> = Body<T>['tasks'][number]

/** Bytes of facts in one message, so that the sealed whole stays under 64 KiB. */
const maxFactBytes = 48 * 1024

export interface Header {
  readonly job?: string
  readonly term?: number
}

export interface Sender {
  send<T extends MessageType>(dst: NodeId, type: T, header: Header, body: Body<T>): void
  tell<T extends FactType>(dst: NodeId, type: T, header: Header, fact: Fact<T>): void
  readonly sent: Record<string, number>
  /** What was said is on its way: with the broker, or refused. */
  flush(): Promise<void>
}

interface Batch {
  readonly dst: NodeId
  readonly type: FactType
  readonly header: Header
  readonly tasks: Fact<FactType>[]
  bytes: number
}

export interface SenderOptions {
  readonly domain: string
  readonly broker: Broker
  readonly sealer: ReturnType<typeof createSealer>
  readonly free: (coordinator: NodeId) => number
  readonly log: Log
}

export function createSender({ domain, broker, sealer, free, log }: SenderOptions): Sender {
  const sent: Record<string, number> = {}
  const open = new Map<string, Batch>()
  const pending = new Set<Promise<void>>()
  let turn: NodeJS.Immediate | undefined

  const send = <T extends MessageType>(dst: NodeId, type: T, header: Header, body: Body<T>) => {
    sent[type] = (sent[type] ?? 0) + 1
    const publishing = (async () => {
      try {
        await broker.publish(inboxTopic(domain, dst), sealer.seal(type, { dst, ...header, body }))
      } catch (error) {
        // Nothing is lost with a message: beats, leases and the outbox say it again.
        log.warn({ dst, type, ...header, err: error }, 'message not sent')
      }
    })()
    pending.add(publishing)
    void publishing.then(() => pending.delete(publishing))
  }

  const flushBatches = () => {
    turn = undefined
    const batches = [...open.values()]
    open.clear()
    for (const batch of batches) post(batch)
  }

  const post = ({ dst, type, header, tasks }: Batch) => {
    // The type says which facts stand in it: `tell` put only those in.
    send(dst, type, header, { free: free(dst), tasks } as Body<FactType>)
  }

  return {
    send,
    sent,
    tell(dst, type, header, fact) {
      const key = `${dst} ${type} ${header.job} ${header.term}`
      const bytes = sizeOf(fact)
      let batch = open.get(key)
      if (batch !== undefined && (batch.tasks.length >= maxBatch || batch.bytes + bytes > maxFactBytes)) {
        open.delete(key)
        post(batch)
        batch = undefined
      }
      if (batch === undefined) {
        batch = { dst, type, header, tasks: [], bytes: 0 }
        open.set(key, batch)
      }
      batch.tasks.push(fact)
      batch.bytes += bytes
      turn ??= setImmediate(flushBatches)
    },
    async flush() {
      clearImmediate(turn)
      flushBatches()
      await Promise.all(pending)
    },
  }
}

function sizeOf(fact: Fact<FactType>): number {
  const text = 'error' in fact ? fact.error.message.length + (fact.error.hint?.length ?? 0) : 0
  return 300 + fact.task.length + text + ('result' in fact ? fact.result.length : 0)
}
