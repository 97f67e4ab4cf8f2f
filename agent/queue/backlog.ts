/**
 * The items of a queue as jobs of BullMQ, over any backend of it. Taken by hand, not by the Worker's own loop: the sole owner of
 * a queue knows when something waits, so nothing polls, blocks or renews locks. BullMQ retries nothing: the coordinator decides.
 */
import type { BackendFactory, IQueueBackend, Job, JobJson, JobProgress } from 'bullmq'
import type { QueueItem } from '../../src/core/ports.ts'

/** An item that was claimed: BullMQ calls it active. */
export interface Claimed extends QueueItem {
  readonly job: Job<string>
}

export interface Backlog {
  /** All or none. Resolves when they are as durable as this backend makes them. */
  add(items: readonly QueueItem[]): Promise<void>
  /** The next that waits, or none. */
  claim(): Promise<Claimed | undefined>
  /** It has ended and goes, for good; with `andClaim` the next one comes in the same step. */
  leave(claimed: Claimed, andClaim: boolean): Promise<Claimed | undefined>
  /** One that waits. One that was claimed meanwhile stays. */
  remove(id: string): Promise<void>
  /** Puts back, in front, what was claimed and is none of `running`. Gives the ids of all that waits then, in order. */
  recover(running: ReadonlySet<string>): Promise<string[]>
  items(ids: readonly string[]): AsyncIterable<QueueItem>
  /** Writes a little: whether it can be written. */
  check(): Promise<void>
  close(): Promise<void>
}

export interface BacklogOptions<Connection> {
  readonly name: string
  readonly prefix: string
  readonly backend: BackendFactory<IQueueBackend, Connection>
  readonly connection: Connection
  /** Of a connection, while nobody waits for an answer. */
  readonly onError: (error: unknown) => void
}

/** One owner, so one token; a lock that outlasts everything needs no renewal. @default 10 years (ms) */
const token = 'ipdc'
const lockDuration = 315_360_000_000
/** Events kept in a Redis stream: nobody reads them. */
const maxEvents = 16
/** Jobs read at once. */
const page = 64
/** BullMQ's word for a job that is not there (-1), not locked (-2), or not active (-3): it has left before. */
const gone: readonly unknown[] = [-1, -2, -3]

export async function openBacklog<C>({ name, prefix, backend, connection, onError }: BacklogOptions<C>): Promise<Backlog> {
  const { Job } = await import('bullmq/dist/cjs/classes/job.js')
  const { Queue } = await import('bullmq/dist/cjs/classes/queue.js')
  const { Worker } = await import('bullmq/dist/cjs/classes/worker.js')
  const shared = { prefix, connection, streams: { events: { maxLen: maxEvents } }, skipVersionCheck: true }
  const queue = new Queue<string, null, string, string, null, string, IQueueBackend, C>(name, { ...shared, defaultJobOptions: { attempts: 1 } }, backend)
  const nothing = { count: 0 }
  const worker = new Worker<string, null, string, IQueueBackend, JobProgress, C>(
    name,
    null,
    {
      ...shared,
      autorun: false,
      lockDuration,
      maxStalledCount: 0,
      skipStalledCheck: true,
      skipLockRenewal: true,
      removeOnComplete: nothing,
      removeOnFail: nothing,
    },
    backend,
  )
  queue.on('error', onError)
  worker.on('error', onError)
  await queue.waitUntilReady()
  await worker.waitUntilReady()

  const claimed = (job: Job<string> | undefined): Claimed | undefined =>
    job?.id === undefined ? undefined : { id: idOf(job.id), data: bytesOf(job.data), job }

  return {
    async add(items) {
      await queue.addBulk(items.map(({ id, data }) => ({ name: 't', data: textOf(data), opts: { jobId: keyOf(id) } })))
    },
    claim: async () => claimed(await worker.getNextJob(token, { block: false })),
    async leave({ job }, andClaim) {
      try {
        const next: unknown = await job.moveToCompleted(null, token, andClaim)
        const [json, id] = Array.isArray(next) ? (next as [JobJson | null, string]) : []
        return json == null ? undefined : claimed(Job.fromJSON<string>(worker, json, id))
      } catch (error) {
        if (gone.includes((error as { code?: unknown }).code)) return undefined
        throw error
      }
    },
    async remove(id) {
      await queue.remove(keyOf(id))
    },
    async recover(running) {
      const orphans = (await queue.getRanges(['active'], 0, -1, true)).filter((key) => !running.has(idOf(key)))
      // Each goes to the front: the first comes last.
      for (const key of orphans.reverse()) await queue.getBackend().moveJobFromActiveToWait(key)
      return (await queue.getRanges(['wait'], 0, -1, true)).map(idOf)
    },
    async *items(ids) {
      for (let at = 0; at < ids.length; at += page) {
        const jobs = await Promise.all(ids.slice(at, at + page).map((id) => queue.getJob(keyOf(id))))
        for (const job of jobs) if (job?.id !== undefined) yield { id: idOf(job.id), data: bytesOf(job.data) }
      }
    },
    async check() {
      await queue.getBackend().setQueueMeta({ checked: Date.now() })
    },
    async close() {
      await Promise.all([worker.close(), queue.close()])
    },
  }
}

// BullMQ takes no colon and no whole number as an id; SQLite no NUL, and neither backend half a pair of UTF-16.
const keyOf = (id: string): string => `_${id.replace(/[%:\p{Cc}\p{Cs}]/gu, escaped)}`
const idOf = (key: string): string =>
  key.slice(1).replace(/%(?:u([\dA-F]{4})|([\dA-F]{2}))/g, (_, four, two) => String.fromCharCode(Number.parseInt(four ?? two, 16)))
const escaped = (char: string): string => {
  const hex = char.charCodeAt(0).toString(16).toUpperCase()
  return hex.length > 2 ? `%u${hex}` : `%${hex.padStart(2, '0')}`
}
// Data is JSON, of which text in base64 is the shortest for bytes.
const textOf = (data: Uint8Array): string => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'base64')
