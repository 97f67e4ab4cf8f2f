/**
 * Seals and publishes. Facts about tasks are gathered by coordinator for a moment, so that many short tasks travel in few messages:
 * what a task did last replaces what was to be said of it before. Each message tells how much room is left for that coordinator.
 */
import type { Ms, NodeId } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import type { Broker } from '../src/core/ports.ts'
import type { createSealer } from '../src/core/wire/envelope.ts'
import { type Body, type MessageType, maxBatch } from '../src/core/wire/message.ts'
import { inboxTopic } from '../src/core/wire/topic.ts'
import type { Loop } from './loop.ts'

/** Types whose body is `{ free, tasks }`. */
export type FactType = 'task.accepted' | 'task.refused' | 'task.started' | 'task.done' | 'task.failed' | 'task.cancelled'
export type Fact<T extends FactType> = Body<T>['tasks'][number]

/** Bytes of facts in one message, so that the sealed whole stays under 64 KiB. */
const maxFactBytes = 48 * 1024
/** The end of a task is told at once, or this long after the last message where ends come fast. @default 2 (ms) */
const gatherMs: Ms = 8
/** That a task waits or runs is news only if it goes on for longer. @default 20 (ms) */
const lazyMs: Ms = 20

export interface Header {
  readonly job?: string
  readonly term?: number
}

export interface Sender {
  send<T extends MessageType>(dst: NodeId, type: T, header: Header, body: Body<T>): void
  tell<T extends FactType>(dst: NodeId, type: T, header: Header, fact: Fact<T>): void
  readonly sent: Record<string, number>
  /** Resolves when what was said is with the broker, or refused, or the signal ends the wait. */
  flush(signal?: AbortSignal): Promise<void>
}

interface Said {
  readonly type: FactType
  readonly header: Header
  readonly fact: Fact<FactType>
  /** No news before: what becomes of the attempt till then replaces it. */
  readonly newsAt: Ms
}

/** What is to be told to one coordinator, by attempt. */
interface Pile {
  readonly facts: Map<string, Said>
  /** Takes back the flush that is planned. */
  cancel: (() => void) | undefined
  /** When it is due. */
  due: Ms
  sentAt: Ms
}

export interface SenderOptions {
  readonly domain: string
  readonly broker: Broker
  readonly sealer: ReturnType<typeof createSealer>
  readonly free: (coordinator: NodeId) => number
  /** Whether this node holds more attempts of that coordinator than the one told of: then there will be more to tell soon. */
  readonly holdsMore: (coordinator: NodeId) => boolean
  /** What this node says to itself. */
  readonly loop: Pick<Loop, 'self' | 'say'>
  readonly now: () => Ms
  readonly log: Log
}

export function createSender({ domain, broker, sealer, free, holdsMore, loop, now, log }: SenderOptions): Sender {
  const sent: Record<string, number> = {}
  const piles = new Map<NodeId, Pile>()
  const pending = new Set<Promise<void>>()

  const send = <T extends MessageType>(dst: NodeId, type: T, header: Header, body: Body<T>) => {
    if (dst === loop.self) return loop.say(type, header, body)
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

  /** What is news by `until` is said. */
  const flushPile = (dst: NodeId, pile: Pile, until: Ms) => {
    pile.cancel?.()
    pile.cancel = undefined
    pile.sentAt = now()
    const said: Said[] = []
    let next = Number.POSITIVE_INFINITY
    for (const [key, one] of pile.facts) {
      if (one.newsAt > until) next = Math.min(next, one.newsAt)
      else if (pile.facts.delete(key)) said.push(one)
    }
    if (pile.facts.size > 0) plan(dst, pile, next)
    for (const { type, header, tasks } of batches(said)) {
      // The type says which facts stand in it: `tell` put only those in.
      send(dst, type, header, { free: free(dst), at: Math.floor(now()), tasks } as Body<FactType>)
    }
  }

  const plan = (dst: NodeId, pile: Pile, due: Ms) => {
    if (pile.cancel !== undefined && pile.due <= due) return
    pile.cancel?.()
    pile.due = due
    // A timer may be a moment early.
    pile.cancel = later(due - now(), () => flushPile(dst, pile, now() + 1))
  }

  const pileOf = (dst: NodeId): Pile => {
    let pile = piles.get(dst)
    if (pile === undefined) {
      pile = { facts: new Map(), cancel: undefined, due: 0, sentAt: Number.NEGATIVE_INFINITY }
      for (const [id, { facts }] of piles) {
        if (piles.size < maxPiles) break
        if (facts.size === 0) piles.delete(id)
      }
      piles.set(dst, pile)
    }
    return pile
  }

  return {
    send,
    sent,
    tell(dst, type, header, fact) {
      const pile = pileOf(dst)
      const isLazy = type === 'task.accepted' || type === 'task.started'
      const newsAt = isLazy ? now() + lazyMs : 0
      pile.facts.set(`${header.job} ${header.term} ${fact.task} ${fact.attempt}`, { type, header, fact, newsAt })
      plan(dst, pile, isLazy ? newsAt : holdsMore(dst) ? pile.sentAt + gatherMs : 0)
    },
    async flush(signal) {
      for (const [dst, pile] of piles) flushPile(dst, pile, Number.POSITIVE_INFINITY)
      await new Promise<void>((resolve) => {
        signal?.addEventListener('abort', () => resolve(), { once: true })
        void Promise.all(pending).then(() => resolve())
      })
    },
  }
}

/** At the end of this turn of the event loop, or in a while: a timer of 0 ms would take one. */
function later(ms: Ms, work: () => void): () => void {
  if (ms <= 0) {
    const immediate = setImmediate(work)
    return () => clearImmediate(immediate)
  }
  const timer = setTimeout(work, ms)
  return () => clearTimeout(timer)
}

/** Coordinators with a pile, those with nothing in it leave first. @default 1_024 */
const maxPiles = 1_024

interface Batch {
  readonly type: FactType
  readonly header: Header
  readonly tasks: Fact<FactType>[]
  bytes: number
}

/** By type, job and term, in order, each within the bounds of a message. */
function batches(said: readonly Said[]): Batch[] {
  const full: Batch[] = []
  const open = new Map<string, Batch>()
  for (const { type, header, fact } of said) {
    const key = `${type} ${header.job} ${header.term}`
    const bytes = sizeOf(fact)
    let batch = open.get(key)
    if (batch !== undefined && (batch.tasks.length >= maxBatch || batch.bytes + bytes > maxFactBytes)) {
      full.push(batch)
      batch = undefined
    }
    batch ??= { type, header, tasks: [], bytes: 0 }
    open.set(key, batch)
    batch.tasks.push(fact)
    batch.bytes += bytes
  }
  return [...full, ...open.values()]
}

function sizeOf(fact: Fact<FactType>): number {
  const text = 'error' in fact ? Buffer.byteLength(fact.error.message) + Buffer.byteLength(fact.error.hint ?? '') : 0
  return 300 + Buffer.byteLength(fact.task) + text + ('result' in fact ? fact.result.length : 0)
}
