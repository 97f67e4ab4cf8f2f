/** One backend under test: queues on one store, with a Queue and a Worker each, and what must be reached in another way on each backend. */
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
import { type Setup, unitMs } from './command.ts'

/** Fields of an event as text, without its id. */
export type Event = Readonly<Record<string, string>>

export interface Side {
  readonly queue: Queue
  /** Claims by hand: it has no processor. */
  readonly worker: Worker
  newWorker(processor: Processor, concurrency?: number): Worker
  /** Hears what comes after that id: `0-0` for all. */
  newListener(from: string): QueueEvents
  /** The newest, `0-0` if there is none. */
  lastEventId(): Promise<string>
  /** All that the queue's stream holds, oldest first. */
  events(): Promise<Event[]>
}

export interface Store {
  side(name: string): Side
  /** Its own clock goes on; that of `Date` is moved elsewhere. */
  advance(ms: number): Promise<void>
  /** All is closed and opened again, with Queues and Workers made anew. Nothing is active then, and no rate limit runs. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** A new store for one sequence. */
export type Open = (setup: Setup) => Promise<Store>

/** What differs between stores. */
export interface Ground {
  /** For the moment: after a restart it may be another. */
  factory(): BackendFactory<IQueueBackend, never>
  readonly connection: unknown
  /** All that its stream holds, oldest first. */
  events(queue: Queue): Promise<readonly [id: string, fields: string[]][]>
  advance(ms: number): Promise<void>
  restart(): Promise<void>
  close(): Promise<void>
}

export function storeOn(ground: Ground, setup: Setup): Store {
  const sides: Made[] = []
  const closeAll = async () => {
    for (const side of sides) await side.close()
  }
  return {
    side(name) {
      const side = makeSide(ground, name, setup)
      sides.push(side)
      return side
    },
    advance: (ms) => ground.advance(ms),
    async restart() {
      await closeAll()
      await ground.restart()
      for (const side of sides) side.make()
    },
    async close() {
      await closeAll()
      await ground.close()
    },
  }
}

interface Made extends Side {
  make(): void
  close(): Promise<void>
}

function makeSide(ground: Ground, name: string, setup: Setup): Made {
  const { connection } = ground
  const options = workerOptions(setup, connection)
  let made = make()

  /** The types of BullMQ bind a Queue to its backend; here it is one of two. */
  function make() {
    const { Queue, Worker, QueueEvents } = withBackend(ground.factory()) as unknown as BackendClasses<IQueueBackend, unknown>
    const queue = new Queue(name, { connection, defaultJobOptions: setup.defaults as object }) as unknown as Queue
    const worker = new Worker(name, undefined, options) as unknown as Worker
    // Their `error` events would end the process; what matters comes as a rejection as well.
    queue.on('error', () => {})
    worker.on('error', () => {})
    return { queue, worker, Worker, QueueEvents }
  }

  return {
    get queue() {
      return made.queue
    },
    get worker() {
      return made.worker
    },
    newWorker: (processor, concurrency = 1) => new made.Worker(name, processor, { ...options, concurrency }) as unknown as Worker,
    newListener: (from) => new made.QueueEvents(name, { connection, lastEventId: from, blockingTimeout: 1000 }) as unknown as QueueEvents,
    events: async () => (await ground.events(made.queue)).map(([, fields]) => toEvent(fields)),
    lastEventId: async () => (await ground.events(made.queue)).at(-1)?.[0] ?? '0-0',
    make: () => {
      made = make()
    },
    async close() {
      await made.worker.close()
      await made.queue.close()
    },
  }
}

function workerOptions({ name, limiter, removeOnComplete, removeOnFail, maxStalledCount }: Setup, connection: unknown) {
  return {
    connection,
    autorun: false,
    lockDuration: unitMs,
    stalledInterval: unitMs,
    skipStalledCheck: true,
    maximumRateLimitDelay: 5,
    // Who misses a wake-up is not helped by looking again soon.
    drainDelay: 60,
    maxStalledCount,
    ...(name === undefined ? {} : { name }),
    ...(limiter === undefined ? {} : { limiter }),
    ...(removeOnComplete === undefined ? {} : { removeOnComplete: removeOnComplete as { count: number } }),
    ...(removeOnFail === undefined ? {} : { removeOnFail: removeOnFail as { count: number } }),
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
  const { finishedOn, processedOn, failedReason, deferredFailure, returnvalue, processedBy, token } = job
  // Of a failure that BullMQ makes itself, the stack shows in which turns the backend answered.
  const stacktrace = job.stacktrace?.map((stack) => stack.replace(/\n {4}at .*(node_modules|node:internal).*/g, ''))
  const state = { progress, delay, priority, timestamp, attemptsStarted, attemptsMade, stalledCounter }
  return { id, name, data, opts, ...state, finishedOn, processedOn, failedReason, deferredFailure, returnvalue, stacktrace, processedBy, token }
}
