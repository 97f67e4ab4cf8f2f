/**
 * THE CONTRACT that a kind of job signs: what a plugin gives, and what it is given. The coordinating agent loads `coordinate`,
 * the executing agents load `run`; the two never meet but in `task.ts` of the plugin, the shapes that travel between them.
 *
 *   job      what a user asked for, checked by `schema.job`, at most 64 KiB
 *   task     a unit that one node runs, at most 8 KiB encoded; what is larger is an artifact and the task names its CID
 *   attempt  one try at a task; (term, attempt) is a fencing token and is never used twice
 *   stage    a named group of tasks of a job
 *   artifact immutable bytes with a name, an address and a size
 *
 * Values of jobs, tasks and results are plain: null, booleans, finite numbers, strings, Uint8Array, arrays and objects of them.
 */
import type { Address, Cid } from './cids.ts'
import type { Log } from './log.ts'

export type JobId = string
export type NodeId = string
/** Number of a job's ownership: raised at each restart of its coordinator. */
export type Term = number
/** Milliseconds, monotonic unless the name says otherwise. */
export type Ms = number

/** A name for the wire and for people: `^[a-z0-9][a-z0-9-]{0,62}$`. */
export const namePattern = /^[a-z0-9][a-z0-9-]{0,62}$/

/** Largest encoded task or result. @default 8192 (bytes) */
export const maxTaskBytes = 8192

/** Any Standard Schema (https://standardschema.dev): valibot's, zod's, arktype's. */
export interface Schema<T> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>
    readonly types?: { readonly input: unknown; readonly output: T } | undefined
  }
}

export type SchemaResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] }

/** Named immutable bytes: a file or a directory. `size` is the length of the content in bytes (of a directory: of all its files). */
export interface Artifact {
  readonly name: string
  readonly cid: Cid
  readonly size: number
}

export interface JobKind<Job = unknown, Task = unknown, Result = unknown> {
  readonly name: string
  /** An agent announces `name@version`; a task goes only to agents with the same. */
  readonly version: number
  readonly schema: { readonly job: Schema<Job>; readonly task: Schema<Task>; readonly result: Schema<Result> }
  /** `done`: a batch ends by itself. `cancelled`: a service stays until somebody ends it. */
  ends(job: Job): 'done' | 'cancelled'
  /** Same task → same result: may be reused, twinned, voted on, finished without a lease. */
  pure(job: Job): boolean
  /** Where `run` executes built-in code. Foreign code is always in a child. */
  host(task: Task): 'thread' | 'child'
  coordinate(): Promise<Coordinate<Job, Task, Result>>
  run(): Promise<Run<Task, Result>>
}

/** Reads as the algorithm: asks for stages of tasks, gives the root. Runs again from the top after a restart; tasks already done answer at once. */
export type Coordinate<Job, Task, Result> = (job: Job, ctx: JobContext<Task, Result>) => Promise<Artifact>

/** One task, on one node. */
export type Run<Task, Result> = (task: Task, ctx: TaskContext) => Promise<Result>

export interface JobContext<Task, Result> {
  readonly id: JobId
  /** Aborted when the job is cancelled or its agent stops. */
  readonly signal: AbortSignal
  readonly log: Log
  /** A line for whoever watches: a warning about the input, say. Kept with the job, at most 100. */
  warn(message: string): void
  readonly store: JobStore
  /**
   * Runs tasks and gives their outcomes as they arrive. Pulls from `tasks` only while nodes have room, so the source may be
   * endless, and may wait for outcomes already given; of a list, watchers see the length at once. Leaving the loop cancels what is live.
   * @throws the task's error, when a task failed for good and `failed` is `throw`
   */
  run(stage: string, tasks: Iterable<Task> | AsyncIterable<Task>, options?: RunOptions<Task>): AsyncIterable<Outcome<Task, Result>>
  /** Gangs: each time all members have met. */
  formed(stage: string): AsyncIterable<{ readonly epoch: number; readonly members: readonly Member[] }>
}

export interface RunOptions<Task> {
  /** The task's name within its stage, and so across restarts. @default a hash of the canonical task */
  id?(task: Task): string
  /** What placement hashes. @default the task's name */
  key?(task: Task): string
  /** Nodes to try first: a hint. */
  prefer?(task: Task): readonly NodeId[]
  /** Nodes that may run it: a must. */
  on?(task: Task): readonly NodeId[] | undefined
  /** What a node must have. */
  needs?(task: Task): Needs
  /** All tasks at once or none, each with a reserved place. */
  readonly gang?: boolean
  /** Tasks on distinct nodes while there are any. */
  readonly spread?: boolean
  /** Tasks alive at once, at most. @default as many as nodes have room for */
  readonly window?: number
  /** Distinct nodes that must agree on a result. @default 1 */
  readonly quorum?: number
  /** What a task that failed for good does. @default 'throw' */
  readonly failed?: 'throw' | 'yield'
}

export interface Needs {
  /** `key=value` or `key` labels that a node carries. */
  readonly labels?: readonly string[]
  /** Memory of the machine, in bytes. */
  readonly memory?: number
  /** An engine that a node has probed, such as `python` or `tfjs-node`. */
  readonly engine?: string
}

export type Outcome<Task, Result> =
  | { readonly is: 'done'; readonly task: Task; readonly node: NodeId; readonly result: Result }
  | { readonly is: 'failed'; readonly task: Task; readonly node: NodeId | undefined; readonly error: Failure }

/** An error as it travels. `code` is one of `errors.ts`. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly hint?: string
  /** The address that could not be had, of INPUT_LOST. */
  readonly cid?: Cid
}

export interface Member {
  readonly node: NodeId
  readonly task: string
  readonly index: number
}

/** A name within a tree (`a/b.txt`) and where its bytes come from. */
export interface TreeEntry {
  readonly path: string
  readonly content: Content
}

export type Content = Uint8Array | AsyncIterable<Uint8Array> | { readonly file: string }

/** An entry of a directory. */
export interface Entry extends Artifact {
  readonly type: 'file' | 'directory'
}

/** The store as a coordinator's code sees it, on the submitting node. */
export interface JobStore {
  /** Bytes of a file, in chunks of at most 1 MiB. @throws NOT_FOUND, INPUT_LOST, BAD_BLOCK */
  cat(address: Address, offset?: number, length?: number): AsyncIterable<Uint8Array>
  /** A directory's entries in order of name bytes. */
  ls(address: Address): AsyncIterable<Entry>
  addBytes(bytes: Uint8Array, name?: string): Promise<Artifact>
  addTree(entries: Iterable<TreeEntry> | AsyncIterable<TreeEntry>, name?: string): Promise<Artifact>
  /** A directory over what lies elsewhere: only its own nodes are made, no payload moves. */
  link(artifacts: readonly Artifact[], name?: string): Promise<Artifact>
}

/** The store as a task sees it: only what its task names, what lies below that, and what it made itself. @throws REFUSED */
export interface TaskStore {
  cat(address: Address, offset?: number, length?: number): AsyncIterable<Uint8Array>
  /** The content as a file in scratch. */
  path(address: Address): Promise<string>
  addFile(content: Content, name?: string): Promise<Artifact>
  addTree(entries: Iterable<TreeEntry> | AsyncIterable<TreeEntry>, name?: string): Promise<Artifact>
  link(artifacts: readonly Artifact[], name?: string): Promise<Artifact>
}

export interface TaskContext {
  readonly job: JobId
  readonly task: string
  readonly attempt: number
  readonly node: NodeId
  /** Aborted when the attempt is cancelled, its lease ran out or its agent stops. */
  readonly signal: AbortSignal
  readonly log: Log
  readonly store: TaskStore
  /** Folder of this attempt, gone with it. */
  readonly scratch: string
  /** Folder kept on this node until the job is closed: may shorten an attempt, is never needed for it. */
  state(key: string): Promise<string>
  /** `fraction` from 0 to 1; sampled, at most one message a second. */
  progress(fraction: number, note?: string, metrics?: Readonly<Record<string, number>>): void
  /** Gang: resolves when all have come; again to say ready, again to re-form. */
  rendezvous(me: Readonly<Record<string, unknown>>): Promise<{ readonly epoch: number; readonly members: readonly Member[] }>
  /** A program in the box, in a process group of the agent's, dead with the attempt. */
  spawn(argv: readonly string[], options?: SpawnOptions): Promise<Spawned>
  /** Byte streams between members of a gang; the agents own and authenticate the sockets. */
  dial(member: Member): Promise<ByteStream>
  accept(): AsyncIterable<ByteStream>
}

export interface SpawnOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface Spawned extends ByteStream {
  readonly stderr: AsyncIterable<Uint8Array>
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>
}

export interface ByteStream {
  readonly readable: AsyncIterable<Uint8Array>
  write(bytes: Uint8Array): Promise<void>
  end(): Promise<void>
}

/** Keeps a kind's types while making it one of many. */
export function defineKind<Job, Task, Result>(kind: JobKind<Job, Task, Result>): JobKind<Job, Task, Result> {
  return kind
}
