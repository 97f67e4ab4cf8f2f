/** What a sequence is made of: calls of Queue, Worker and Job as plain data, so that one sequence runs on two backends and prints as it is. */
import type { JobState, JobType } from 'bullmq'

/** The n-th (modulo their number) of the ids seen so far; one more is an id that nobody has. */
export type Who = number

/** Whose token comes with a call: the one that claimed the job, another, or `0`, which BullMQ takes for "no lock". */
export type Token = 'own' | 'other' | 'zero'

/** What a real Worker's processor does with a job. */
export type Deed =
  | { readonly do: 'return'; readonly value?: unknown }
  | { readonly do: 'throw'; readonly message: string }
  | { readonly do: 'unrecoverable' }
  | { readonly do: 'delay'; readonly ms: number }
  | { readonly do: 'wait' }
  | { readonly do: 'limit'; readonly ms: number }
  | { readonly do: 'progress'; readonly to: number }
  | { readonly do: 'log'; readonly row: string }

export type Keep = boolean | number | { readonly count?: number; readonly age?: number; readonly limit?: number }

export interface Options {
  readonly jobId?: string
  readonly priority?: number
  readonly lifo?: boolean
  readonly delay?: number
  readonly attempts?: number
  readonly backoff?: number | { readonly type: 'fixed' | 'exponential'; readonly delay: number }
  readonly removeOnComplete?: Keep
  readonly removeOnFail?: Keep
  readonly keepLogs?: number
  readonly stackTraceLimit?: number
  readonly sizeLimit?: number
  /** Milliseconds before the clock's now. */
  readonly ago?: number
}

export interface Adding {
  readonly name: string
  /** A `Deed`, or what else JSON can say. */
  readonly data: unknown
  readonly options: Options
}

export type Command =
  | { readonly is: 'add'; readonly job: Adding }
  | { readonly is: 'addBulk'; readonly jobs: readonly Adding[] }
  /** So many with the same options: more than fit into one step of either backend. */
  | { readonly is: 'addMany'; readonly count: number; readonly options: Options }
  | { readonly is: 'claim'; readonly token: string }
  | { readonly is: 'complete'; readonly who: Who; readonly token: Token; readonly value: unknown; readonly fetch: boolean }
  | { readonly is: 'fail'; readonly who: Who; readonly token: Token; readonly message: string; readonly fetch: boolean; readonly final: boolean }
  | { readonly is: 'moveToDelayed'; readonly who: Who; readonly token: Token; readonly ms: number }
  | { readonly is: 'moveToWait'; readonly who: Who; readonly token: Token }
  | { readonly is: 'extendLock'; readonly who: Who; readonly token: Token; readonly ms: number }
  | { readonly is: 'extendLocks'; readonly token: Token; readonly ms: number }
  /** The lock of this one job runs out. */
  | { readonly is: 'lose'; readonly who: Who }
  | { readonly is: 'stalled' }
  | { readonly is: 'pause' | 'resume' | 'removeRateLimitKey' | 'removeGlobalConcurrency' | 'removeGlobalRateLimit' }
  | { readonly is: 'drain'; readonly delayed: boolean }
  | { readonly is: 'clean'; readonly grace: number; readonly limit: number; readonly type: Cleanable }
  | { readonly is: 'obliterate'; readonly force: boolean; readonly count: number }
  | { readonly is: 'rateLimit'; readonly ms: number }
  | { readonly is: 'setGlobalConcurrency'; readonly count: number }
  | { readonly is: 'setGlobalRateLimit'; readonly max: number; readonly ms: number }
  | { readonly is: 'retryJobs'; readonly state: 'failed' | 'completed'; readonly count?: number; readonly ago?: number }
  | { readonly is: 'promoteJobs'; readonly count?: number }
  | { readonly is: 'remove'; readonly who: Who; readonly by: 'job' | 'queue' }
  | { readonly is: 'changePriority'; readonly who: Who; readonly priority: number; readonly lifo: boolean }
  | { readonly is: 'changeDelay'; readonly who: Who; readonly ms: number }
  | { readonly is: 'promote'; readonly who: Who }
  | { readonly is: 'retry'; readonly who: Who; readonly state: 'failed' | 'completed'; readonly reset: boolean }
  | { readonly is: 'updateProgress'; readonly who: Who; readonly to: number | string | boolean | object }
  | { readonly is: 'updateData'; readonly who: Who; readonly data: Deed }
  | { readonly is: 'log'; readonly who: Who; readonly row: string; readonly keep?: number }
  | { readonly is: 'clearLogs'; readonly who: Who; readonly keep?: number }
  | { readonly is: 'getJobLogs'; readonly who: Who; readonly start: number; readonly end: number; readonly asc: boolean }
  | { readonly is: 'getJobs'; readonly types: readonly JobType[]; readonly start: number; readonly end: number; readonly asc: boolean }
  | { readonly is: 'getCountsPerPriority'; readonly priorities: readonly number[] }
  | { readonly is: 'getDelayedCount'; readonly ms: number }
  | { readonly is: 'getRateLimitTtl'; readonly max?: number }
  | { readonly is: 'isInState'; readonly who: Who; readonly state: JobState }
  /** Only of a job that is finished or missing: others would wait for ever. */
  | { readonly is: 'waitUntilFinished'; readonly who: Who }
  /** A job is waited for while something happens that may end it. */
  | { readonly is: 'await'; readonly who: Who; readonly by: Command }
  | { readonly is: 'advance'; readonly ms: number }
  /** A real Worker until it finds nothing to do; with a width, so many jobs at a time, and what it says is in no order. */
  | { readonly is: 'work'; readonly width?: number }
  /** The same on another queue of the same store. */
  | { readonly is: 'elsewhere'; readonly command: Command }
  /** A real Worker that has found nothing to do, and what may wake it; then until all is done that can be. */
  | { readonly is: 'wake'; readonly by: Command }
  | { readonly is: 'restart' }
  /** Calls of one kind in one turn of the event loop: the backend may put them into one transaction. */
  | { readonly is: 'together'; readonly commands: readonly Command[] }

export type Cleanable = 'completed' | 'wait' | 'waiting' | 'active' | 'paused' | 'prioritized' | 'delayed' | 'failed'

/** How the Queue and the Worker of a sequence are set up. */
export interface Setup {
  readonly name?: string
  readonly limiter?: { readonly max: number; readonly duration: number }
  readonly removeOnComplete?: { readonly count?: number; readonly age?: number }
  readonly removeOnFail?: { readonly count?: number; readonly age?: number }
  readonly maxStalledCount: number
  readonly defaults: Options
  /** A QueueEvents listens all along. */
  readonly listens: boolean
  /** Its store lies in a file that is closed and opened again by `restart`; else it is in memory and a restart is passed over. */
  readonly restarts: boolean
  /** All happens in one millisecond, but for `advance`. */
  readonly isStill?: boolean
  /** Jobs run at a time: what happens is compared, not in which order it did. */
  readonly isMixed?: boolean
}

export interface Sequence {
  readonly setup: Setup
  readonly commands: readonly Command[]
}

/** A lock, a rate limit and a sweep for stalled jobs last so long, or twice, or thrice. */
export const unitMs = 600_000
/** How far an `advance` is from a multiple of `unitMs`: no sum of them meets an end exactly, where a server's own clock would decide. */
export const stepMs = 10_000
