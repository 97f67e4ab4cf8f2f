/**
 * A job as whoever watches sees it: what the coordinator shows, the control socket carries and a client prints.
 */
import type { Artifact, Failure, JobId, NodeId } from './kind.ts'

export interface Submit {
  /** Name of the kind: `mr`. */
  readonly kind: string
  /** Checked by the kind's schema. */
  readonly job: unknown
  /** What the id starts with. @default the kind's name */
  readonly label?: string
  /** The first N of the fitting nodes only. */
  readonly nodes?: number
}

export interface StageView {
  readonly name: string
  /** Known from the start where the tasks are a list, else once their source has ended. */
  readonly total?: number
  readonly waiting: number
  readonly running: number
  readonly done: number
  readonly failed: number
  /** Attempts that were lost with their node, or their lease. */
  readonly lost: number
}

export interface JobView {
  readonly id: JobId
  readonly kind: string
  readonly state: 'open' | 'done' | 'failed' | 'cancelled'
  readonly term: number
  /** ISO 8601. */
  readonly submitted: string
  readonly closed?: string
  readonly stages: readonly StageView[]
  /** Tasks done, by node. */
  readonly nodes: Readonly<Record<NodeId, number>>
  readonly root?: Artifact
  readonly error?: Failure
  readonly warnings: readonly string[]
  /** Why nothing of it runs just now, where nothing does. */
  readonly waits?: string
  readonly ms: number
}

export type TaskState = 'offered' | 'accepted' | 'running' | 'done' | 'failed' | 'refused' | 'lost' | 'cancelled' | 'adopted' | 'withdrawn'

export type JobEvent =
  /** At most five a second, and once at the start. */
  | { readonly is: 'job'; readonly job: JobView }
  | { readonly is: 'warning'; readonly message: string }
  /** Only with `tasks=1`. */
  | {
      readonly is: 'task'
      readonly stage: string
      readonly task: string
      readonly attempt: number
      readonly node: NodeId
      readonly state: TaskState
      readonly error?: Failure
    }
  /** Only with `tasks=1`: how far a running attempt is, from 0 to 1, at most once a second of each node. */
  | { readonly is: 'progress'; readonly task: string; readonly attempt: number; readonly node: NodeId; readonly fraction: number; readonly note?: string }
  /** The last one. */
  | { readonly is: 'closed'; readonly job: JobView }
