/**
 * What a coordinator knows of its jobs: tasks, the attempts alive, and what each node has promised. One mutable object, changed
 * only inside `lifecycle.next`, so that ten thousands of tasks cost nothing per event.
 */

import type { Cid } from '../cids.ts'
import type { Node } from '../cluster/members.ts'
import type { Want } from '../cluster/placement.ts'
import type { Failure, JobId, Ms, NodeId, Term } from '../kind.ts'
import { createHeap, type Heap } from './heap.ts'
import type { Names } from './names.ts'

export interface State {
  readonly jobs: Map<JobId, Job>
  /** Jobs take turns: the first is the next that may place a task. */
  readonly ring: Job[]
  readonly books: Map<NodeId, Book>
  /** The books with credit. */
  readonly open: Map<NodeId, Book>
  /** Sum of their credits. */
  credit: number
  readonly leases: Heap<Attempt>
  readonly pauses: Heap<Task>
  /** No lease runs out before this: the coordinator itself was deaf, or asleep. */
  deafUntil: Ms
  tickedAt: Ms | undefined
  /** Since when nodes can be heard. */
  listensSince: Ms
  /** Counts events: what came before what, where clocks would tie. */
  step: number
  /** Raised when nodes change: sets of fitting nodes are kept under it. */
  version: number
}

export interface Job {
  readonly id: JobId
  readonly term: Term
  /** Label: `mr@1`. */
  readonly kind: string
  /** What a task asks of a node that asks for nothing more. */
  readonly want: Want
  readonly pure: boolean
  readonly leaseMs: Ms
  /** `--nodes`: the first N of its ranking only. */
  readonly nodes: number | undefined
  readonly openedAt: Ms
  /** Without those that are done for good. */
  readonly tasks: Map<string, Task>
  readonly finished: Names
  readonly stages: Map<string, Stage>
  readonly runs: Map<number, Run>
  /** Tasks whose result named a CID, whether it stands or was withdrawn. */
  readonly makers: Map<Cid, Task | Set<Task>>
  /** Tasks that are ready, by what they ask of a node. */
  readonly lines: Map<string, Line>
  ready: number
  /** Of the journal, by name, until `coordinate` asks for the task again. */
  readonly committed: Map<string, Committed>
  readonly charged: Map<string, Charge[]>
  /** Nodes that will not run this job, and why. */
  readonly refusals: Map<NodeId, Failure>
  /** Nothing is offered: its journal cannot be written. */
  isHeld: boolean
  /** After a restart, for a while: what nodes report of older terms is adopted, and nothing is offered. */
  adopts: boolean
  readonly adoptionMs: Ms
  /** What nodes reported of tasks that `coordinate` has not asked for yet, by name. */
  readonly reports: Map<string, Report[]>
  /** Tasks that the coordinator itself waits for, by want. */
  readonly wants: Map<number, Set<Task>>
  /** Tasks whose result stands, by node. */
  readonly doneBy: Map<NodeId, number>
  readonly warned: Set<string>
  allowed: { readonly version: number; readonly ids: ReadonlySet<NodeId> } | undefined
}

export interface Run {
  readonly id: number
  readonly stage: Stage
  /** Its source has given its last task. */
  hasEnded: boolean
  /** Tasks whose outcome is not told yet. */
  readonly open: Set<Task>
}

export interface Stage {
  readonly name: string
  /** Runs whose source has not ended: the total is known when there are none. */
  sources: number
  /** Tasks that its sources said beforehand they have; undefined where one did not. */
  planned: number | undefined
  waiting: number
  running: number
  done: number
  failed: number
  lost: number
}

export interface Task {
  readonly job: Job
  readonly stage: Stage
  readonly run: Run
  readonly name: string
  /** As it is offered. Of one that is done it is kept as text, which weighs less. */
  body: Uint8Array | string
  readonly key: string
  readonly prefer: readonly NodeId[]
  readonly want: Want
  /** `ready` in a line · `paused` after a failure · `waiting` for inputs to be made again · `live` has attempts · `left` nobody waits for it. */
  is: 'ready' | 'paused' | 'waiting' | 'live' | 'done' | 'failed' | 'left'
  shown: 'waiting' | 'running' | 'done' | 'failed' | undefined
  live: Map<string, Attempt>
  /** Attempts that were lost, and to whom they were given; the latest few. */
  past: Map<string, NodeId>
  /** Number of the last attempt of this term. */
  attempts: number
  charges: Charge[]
  failedOn: Set<NodeId>
  /** The result that stands. */
  winner: Winner | undefined
  /** Attempts whose result was withdrawn: it will not be taken again. */
  withdrawn: Set<string>
  withdrawals: number
  /** Tasks that make its inputs again, and tasks that wait for it to do so. */
  waitsFor: Set<Task>
  waiters: Set<Task>
}

export interface Attempt {
  readonly task: Task
  readonly key: string
  readonly term: Term
  readonly attempt: number
  readonly node: NodeId
  /** Start of the node that it was given to. */
  boot: number
  is: 'offered' | 'accepted' | 'running'
  until: Ms
  /** `State.step` of its offer. */
  readonly step: number
  over: boolean
}

export interface Winner {
  readonly key: string
  readonly node: NodeId
  readonly term: Term
  readonly attempt: number
  readonly cids: readonly Cid[]
  readonly step: number
  /** On disk: the node may forget it. */
  synced: boolean
}

export interface Committed {
  readonly node: NodeId
  readonly term: Term
  readonly attempt: number
  /** The result, decoded: passes through as it is. */
  readonly value: unknown
  readonly cids: readonly Cid[]
}

/** A failure that counts. */
export interface Charge {
  /** Of the attempt that its node reported as failed: it is charged once, however often it is told. */
  readonly of?: { readonly term: Term; readonly attempt: number }
  readonly node: NodeId
  readonly error: Failure
  readonly retry: 'elsewhere' | 'later' | 'never'
}

export type Report = { readonly src: NodeId; readonly boot: number; readonly term: Term; readonly attempt: number } & (
  | { readonly is: 'waiting' | 'running' }
  | { readonly is: 'done'; readonly result: Result }
  | { readonly is: 'failed'; readonly error: Failure; readonly retry: Charge['retry'] | undefined }
)

export interface Result {
  readonly bytes: Uint8Array
  readonly value: unknown
  readonly cids: readonly Cid[]
  readonly ms: Ms
}

/** What a node promised, and what it owes. */
export interface Book {
  readonly id: NodeId
  node: Node | undefined
  /** Newest start that was heard of, and the newest message that carried `free`. */
  boot: number
  seq: number
  /** As promised last; before any word the room of its presence. */
  free: number
  /** Whether `free` is its own word to us. */
  told: boolean
  /** Offers it has not answered. */
  unanswered: number
  readonly attempts: Set<Attempt>
  heardAt: Ms
  /** Its own time, in that newest message, and ours when it came. */
  word: { readonly at: Ms; readonly heardAt: Ms } | undefined
  /** When offers to it came too late. */
  late: { readonly at: Ms; readonly step: number }
  /** Has told all it holds since this coordinator started. */
  beaten: boolean
  /** Its part of `State.credit`. */
  counted: number
}

/** Tasks that ask the same of a node, in order. */
export interface Line {
  readonly key: string
  readonly want: Want
  readonly avoid: ReadonlySet<NodeId>
  readonly tasks: Task[]
  head: number
  fits: { readonly version: number; readonly usable: ReadonlySet<NodeId>; readonly refused: NodeId | undefined } | undefined
  /** Since when no node fits. */
  emptyAt: Ms | undefined
}

export function createState(): State {
  return {
    jobs: new Map(),
    ring: [],
    books: new Map(),
    open: new Map(),
    credit: 0,
    leases: createHeap(),
    pauses: createHeap(),
    deafUntil: 0,
    tickedAt: undefined,
    listensSince: 0,
    step: 0,
    version: 0,
  }
}

export function keyOf({ term, attempt }: { readonly term: Term; readonly attempt: number }): string {
  return `${term}.${attempt}`
}

/** Whether a result can still be taken. */
export function isOpen({ is }: Task): boolean {
  return is === 'ready' || is === 'paused' || is === 'waiting' || is === 'live'
}

/** The one way in which a task changes: keeps the counts of its stage and job true. */
export function become(task: Task, is: Task['is']): void {
  if (task.is === 'ready') task.job.ready--
  if (is === 'ready') task.job.ready++
  task.is = is
  show(task)
}

/** Counts a task in its stage as what people see of it. Called by itself when an attempt of it starts. */
export function show(task: Task): void {
  const shown = shownAs(task)
  if (shown === task.shown) return
  if (task.shown !== undefined) task.stage[task.shown]--
  if (shown !== undefined) task.stage[shown]++
  task.shown = shown
}

function shownAs(task: Task): Task['shown'] {
  if (task.is === 'done' || task.is === 'failed') return task.is
  if (task.is === 'left') return undefined
  for (const attempt of task.live.values()) if (attempt.is === 'running') return 'running'
  return 'waiting'
}

/** Counts a result that stands, or stands no more (`by` -1), for its node. */
export function tally(job: Job, node: NodeId, by: 1 | -1): void {
  job.doneBy.set(node, (job.doneBy.get(node) ?? 0) + by)
}
