/** What the parts of one backend share: its queue, the options it was made with, and the way to the file. */
import type { Queue } from './queue.ts'
import type { Store } from './store.ts'
import type { Turn } from './turn.ts'

/** What BullMQ hands a backend of its options, as far as one is used here. */
export interface BackendOptions {
  readonly prefix?: string
  /** A worker's. */
  readonly name?: string
  readonly lockDuration?: number
  readonly stalledInterval?: number
  readonly maxStalledCount?: number
  readonly limiter?: { readonly max: number; readonly duration: number }
  readonly removeOnComplete?: KeepOption
  readonly removeOnFail?: KeepOption
  readonly metrics?: unknown
}

/** Finished jobs that stay: so many, none older than so many seconds; `limit` bounds how many of these go at once. `count` 0: none, -1: all. */
export interface Keep {
  readonly count?: number
  readonly age?: number
  readonly limit?: number
}

export type KeepOption = boolean | number | Keep

export interface Access {
  readonly store: Store
  readonly queue: Queue
  readonly options: BackendOptions
  /** Truthy once close has begun: then nothing more is claimed. */
  readonly closing: Promise<void> | undefined
  /** Runs an operation, in the order of calls. @throws 'Connection is closed.' once the backend or the file is */
  run<T>(operation: (turn: Turn) => T): Promise<T>
}
