/** One backend under test: its Queue, its Worker and what must be reached in another way on each, the events and the clock. */
import {
  type BackendClasses,
  type BackendFactory,
  type IQueueBackend,
  type Job,
  type Processor,
  type Queue,
  type QueueEvents,
  type Worker,
  withBackend,
} from 'bullmq'
import { Redis } from 'ioredis'
import { type Setup, unitMs } from './command.ts'

/** Fields of an event as text, without its id. */
export type Event = Readonly<Record<string, string>>

export interface Side {
  readonly queue: Queue
  /** Claims by hand: it has no processor. */
  readonly worker: Worker
  newWorker(processor: Processor): Worker
  /** Hears what comes after that id: `0-0` for all, `$` for what is to come. */
  newListener(from: '0-0' | '$'): QueueEvents
  /** All that the queue's stream holds, oldest first. */
  events(): Promise<Event[]>
  /** The store's own clock goes on; that of `Date` is moved elsewhere. */
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

/** Opens a side for one sequence, on a queue of that name. */
export type Open = (name: string, setup: Setup) => Promise<Side>

/** What a factory can do is taken from the caller: the types of BullMQ bind a Queue to its backend. */
type Classes = BackendClasses<IQueueBackend, unknown>

/** Any factory whose store follows `Date`: for SQLite. `opened` gives a new store for each sequence. */
export function followsDate(opened: () => { factory: BackendFactory<IQueueBackend, never>; close(): Promise<void> }): Open {
  return async (name, setup) => {
    const { factory, close } = opened()
    const side = sideOf(withBackend(factory) as unknown as Classes, name, setup, {})
    return {
      ...side,
      events: async () => {
        const streams = await side.queue.getBackend().readEvents('0-0', 1)
        return (streams?.[0]?.[1] ?? []).map(([, fields]) => toEvent(fields))
      },
      advance: async () => {},
      close: async () => {
        await side.close()
        await close()
      },
    }
  }
}

/** A real redis-server. One connection serves all sequences. */
export function onRedis(url: string, factory: BackendFactory<IQueueBackend, never>): Open & { end(): Promise<void> } {
  const connection = new Redis(url, { maxRetriesPerRequest: null })
  // When a test is ended from outside, its server goes first.
  connection.on('error', () => {})
  const open: Open = async (name, setup) => {
    await connection.flushdb()
    const side = sideOf(withBackend(factory) as unknown as Classes, name, setup, connection)
    return {
      ...side,
      events: async () => (await connection.xrange(`bull:${name}:events`, '-', '+')).map(([, fields]) => toEvent(fields)),
      advance: async (ms) => {
        await connection.eval(shortenAll, 0, ms)
      },
    }
  }
  return Object.assign(open, { end: async () => void (await connection.quit()) })
}

/** Locks, the rate limit and the pause between two sweeps live on the server's clock, which cannot be set: so each comes nearer to its end. */
const shortenAll = `
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left > tonumber(ARGV[1]) then redis.call('PEXPIRE', key, left - ARGV[1])
  elseif left >= 0 then redis.call('DEL', key) end
end`

function sideOf({ Queue, Worker, QueueEvents }: Classes, name: string, setup: Setup, connection: unknown): Omit<Side, 'events' | 'advance'> {
  const { name: workerName, limiter, removeOnComplete, removeOnFail, maxStalledCount, defaults } = setup
  const options = {
    connection,
    autorun: false,
    lockDuration: unitMs,
    stalledInterval: unitMs,
    skipStalledCheck: true,
    maximumRateLimitDelay: 5,
    maxStalledCount,
    ...(workerName === undefined ? {} : { name: workerName }),
    ...(limiter === undefined ? {} : { limiter }),
    ...(removeOnComplete === undefined ? {} : { removeOnComplete: removeOnComplete as { count: number } }),
    ...(removeOnFail === undefined ? {} : { removeOnFail: removeOnFail as { count: number } }),
  }
  const queue = new Queue(name, { connection, defaultJobOptions: defaults as object }) as unknown as Queue
  const worker = new Worker(name, undefined, options) as unknown as Worker
  // Their `error` events would end the process; what matters comes as a rejection as well.
  queue.on('error', () => {})
  worker.on('error', () => {})
  return {
    queue,
    worker,
    newWorker: (processor) => new Worker(name, processor, options) as unknown as Worker,
    newListener: (from) => new QueueEvents(name, { connection, lastEventId: from, blockingTimeout: 1000 }) as unknown as QueueEvents,
    close: async () => {
      await worker.close()
      await queue.close()
    },
  }
}

function toEvent(fields: readonly string[]): Event {
  const event: Record<string, string> = {}
  for (let i = 0; i < fields.length; i += 2) event[fields[i] ?? ''] = fields[i + 1] ?? ''
  return event
}

/** A job as its reader sees it, all fields that BullMQ knows. */
export function describe(job: Job | undefined | null): unknown {
  if (job === undefined || job === null) return undefined
  const { id, name, data, opts, progress, delay, priority, timestamp, attemptsStarted, attemptsMade, stalledCounter } = job
  const { finishedOn, processedOn, failedReason, deferredFailure, returnvalue, stacktrace, processedBy, token } = job
  const state = { progress, delay, priority, timestamp, attemptsStarted, attemptsMade, stalledCounter }
  return { id, name, data, opts, ...state, finishedOn, processedOn, failedReason, deferredFailure, returnvalue, stacktrace, processedBy, token }
}
