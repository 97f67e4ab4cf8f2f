/** What happens to a coordinator: the only way in to `lifecycle.next`. */

import type { Cid } from '../cids.ts'
import type { Node } from '../cluster/members.ts'
import type { Failure, JobId, Ms, Needs, NodeId, Term } from '../kind.ts'
import type { Charge, Committed, Result } from './state.ts'

export type Event =
  // --- who is there
  /** A node came, changed or went. */
  | { readonly is: 'node'; readonly node: Node }
  /** The coordinator's own connection to the broker. While it is down nobody can be heard, so no lease runs out. */
  | { readonly is: 'wire'; readonly up: boolean }
  | { readonly is: 'tick' }
  // --- what is to be done
  | JobOpened
  /** Its journal cannot be written for now: nothing more is offered. */
  | { readonly is: 'job.held'; readonly job: JobId; readonly isHeld: boolean }
  | { readonly is: 'job.closed'; readonly job: JobId; readonly why: string }
  | { readonly is: 'run.opened'; readonly job: JobId; readonly run: number; readonly stage: string; readonly total?: number | undefined }
  /** The source gave its last task. */
  | { readonly is: 'run.ended'; readonly job: JobId; readonly run: number }
  /** Nobody waits for its outcomes any more. */
  | { readonly is: 'run.left'; readonly job: JobId; readonly run: number }
  | TaskAdded
  /** A result is on disk. */
  | { readonly is: 'synced'; readonly job: JobId; readonly task: string; readonly term: Term; readonly attempt: number }
  /** The coordinator itself wants an address that nobody holds: for the root, or for `coordinate`. Answered by `remade` or `unmade`. */
  | { readonly is: 'lost'; readonly job: JobId; readonly cid: Cid; readonly want: number }
  // --- what nodes say
  | (Said & { readonly is: 'accepted' | 'started'; readonly term: Term; readonly tasks: readonly { readonly task: string; readonly attempt: number }[] })
  | (Said & {
      readonly is: 'refused'
      readonly term: Term
      readonly tasks: readonly { readonly task: string; readonly attempt: number; readonly error: Failure }[]
    })
  | (Said & { readonly is: 'done'; readonly tasks: readonly (Ref & { readonly result: Result })[] })
  | (Said & { readonly is: 'failed'; readonly tasks: readonly (Ref & { readonly error: Failure; readonly retry?: Charge['retry'] })[] })
  | (Said & { readonly is: 'cancelled'; readonly tasks: readonly Ref[] })
  | Beat

export interface JobOpened {
  readonly is: 'job.opened'
  readonly job: JobId
  readonly term: Term
  readonly kind: string
  readonly pure: boolean
  readonly leaseMs: Ms
  readonly nodes?: number | undefined
  /** Of the journal, when the coordinator was started again. */
  readonly resumed?: { readonly committed: ReadonlyMap<string, Committed>; readonly charged: ReadonlyMap<string, readonly Charge[]> } | undefined
}

export interface TaskAdded {
  readonly is: 'task.added'
  readonly job: JobId
  readonly run: number
  readonly name: string
  readonly body: Uint8Array
  /** What placement hashes. */
  readonly key: string
  readonly prefer: readonly NodeId[]
  readonly on: readonly NodeId[] | undefined
  readonly needs: Needs | undefined
}

/** `free` and `at` count only if the message is the newest of its node. */
export interface Said {
  readonly src: NodeId
  readonly boot: number
  readonly seq: number
  /** The node's own time when it spoke. */
  readonly at: Ms
  readonly free: number
  readonly job: JobId
}

export interface Ref {
  readonly task: string
  readonly attempt: number
  readonly term: Term
}

export interface Beat extends Omit<Said, 'job'> {
  readonly is: 'beat'
  readonly more: boolean
  /** `kept` by the queue of a node that was started again: perhaps it was given up before. */
  readonly held: readonly (Ref & { readonly job: JobId; readonly is: 'waiting' | 'running'; readonly kept?: true })[]
  readonly done: readonly (Ref & { readonly job: JobId })[]
  readonly asks: readonly JobId[]
}
