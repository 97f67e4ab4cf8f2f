/** What a coordinator shall do: the only way out of `lifecycle.next`. */
import type { Failure, JobId, Ms, NodeId, Term } from '../kind.ts'
import type { TaskState } from '../views.ts'
import type { Moment } from './lease.ts'
import type { Charge, Result, State } from './state.ts'

export type Instruction =
  // --- to a node
  | (To & {
      readonly is: 'offer'
      readonly leaseMs: Ms
      /** From which the lease counts, on the node's clock; undefined where that is not known. */
      readonly from: Moment | undefined
      readonly pure: boolean
      readonly stage: string
      readonly body: Uint8Array
    })
  | (To & { readonly is: 'cancel'; readonly why: string })
  /** The attempts of a beat that go on. Said once for each beat that holds any. */
  | { readonly is: 'grant'; readonly node: NodeId; readonly leaseMs: Ms; readonly from: Moment; readonly held: readonly Omit<To, 'node'>[] }
  /** The node may forget this result, or failure. */
  | (To & { readonly is: 'note' })
  /** The node holds something of a job that is not open here. */
  | { readonly is: 'close'; readonly node: NodeId; readonly job: JobId }
  // --- to the journal
  | (To & { readonly is: 'commit'; readonly stage: string; readonly result: Result })
  | { readonly is: 'withdraw'; readonly job: JobId; readonly task: string }
  /** Where it is of a reported attempt, its node may forget that when this is on disk. */
  | { readonly is: 'charge'; readonly job: JobId; readonly task: string; readonly charge: Charge }
  // --- to `coordinate`
  | { readonly is: 'outcome'; readonly job: JobId; readonly run: number; readonly task: string; readonly outcome: Told }
  | { readonly is: 'remade'; readonly job: JobId; readonly want: number }
  | { readonly is: 'unmade'; readonly job: JobId; readonly want: number; readonly error: Failure }
  // --- to whoever watches
  | (To & { readonly is: 'event'; readonly stage: string; readonly state: TaskState; readonly error?: Failure })
  | { readonly is: 'warn'; readonly job: JobId; readonly message: string }
  /** A result, or a claim, that was not taken. */
  | (To & { readonly is: 'fenced'; readonly what: string })

export interface To {
  readonly node: NodeId
  readonly job: JobId
  readonly task: string
  readonly term: Term
  readonly attempt: number
}

export type Told =
  | { readonly is: 'done'; readonly node: NodeId; readonly value: unknown }
  | { readonly is: 'failed'; readonly node: NodeId | undefined; readonly error: Failure }

/** One call of `next`: what it works on, when it is, and what it has to say so far. */
export interface Round {
  readonly state: State
  readonly now: Ms
  readonly out: Instruction[]
}
