/**
 * What an agent answers on its control socket: HTTP/1.1 with JSON, and NDJSON where a stream is asked for. Shapes are shared by
 * `agent/control` and `core/client`. An error answers with its exit class as status and `{ code, message, hint?, cid? }`.
 *
 *   GET  /v1/agent                          AgentView
 *   POST /v1/agent/stop      {now}          202; ends after running tasks, or at once
 *   GET  /v1/nodes[?status=1]               NodeView[]; with `status` each is asked for its queue
 *   GET  /v1/nodes/:id/queue                QueueEntry[], in the order in which they run
 *   POST /v1/nodes/:id/queue  QueueOrder    {dropped}
 *   POST /v1/jobs            Submit         201 {id}, after the journal holds it
 *   GET  /v1/jobs                           JobView[], newest first
 *   GET  /v1/jobs/:id                       JobView (`:id` may be the beginning of one)
 *   GET  /v1/jobs/:id/events[?tasks=1]      NDJSON of JobEvent until the job is closed
 *   POST /v1/jobs/:id/cancel                JobView
 *   POST /v1/store/file?name=[&keep=1]      body: bytes → Artifact, held until a job names it, or for good with `keep`
 *   POST /v1/store/paths[?keep=1]           body: NDJSON of {path, file}, files this agent reads itself → Artifact of the directory
 *   POST /v1/store/link      {artifacts:[{name, cid, size}], keep?}  → Artifact of a directory over what is there
 *   GET  /v1/store/stat?address=            Entry
 *   GET  /v1/store/ls?address=              NDJSON of Entry
 *   GET  /v1/store/cat?address=&offset=&length=   bytes
 *   GET  /v1/session                        held open by a client while it needs a throw-away domain
 */
import type { ErrorCode } from '../errors.ts'
import type { Artifact, Entry, Failure, NodeId } from '../kind.ts'
import type { Reason } from '../reasons.ts'

export type { JobEvent, JobView, StageView, Submit, TaskState } from '../views.ts'
export type { Artifact, Entry, ErrorCode }

export interface AgentView {
  readonly version: string
  readonly pid: number
  readonly home: string
  readonly node: NodeId
  readonly name: string
  readonly domain: { readonly id: string; readonly name: string; readonly throwAway: boolean }
  readonly broker: { readonly is: 'new' | 'up' | 'down' | 'closed'; readonly url?: string; readonly cause?: string; readonly serving?: string }
  readonly gateway: { readonly url: string; readonly servedBytes: number; readonly fetchedBytes: number }
  readonly queue: QueueView
  readonly store: { readonly use: string; readonly path: string; readonly blocks: number; readonly bytes: number; readonly limit: number }
  readonly outbox: number
  /** Messages that were refused, by reason. */
  readonly refused: Readonly<Record<string, number>>
  readonly messages: { readonly sent: Readonly<Record<string, number>>; readonly received: Readonly<Record<string, number>> }
  /** Longest time in ms that the event loop was blocked since start. */
  readonly loopMaxMs: number
  readonly openJobs: number
  readonly upSeconds: number
}

export interface QueueView {
  /** `embedded`, `redis` or `memory`. */
  readonly use: string
  readonly waiting: number
  readonly running: number
  readonly limit: number
  /** Of a file, with what it takes on disk. */
  readonly path?: string
  readonly bytes?: number
  /** Of a server, without its password. */
  readonly url?: string
  /** Set while it can neither take nor give: why, and what to do. */
  readonly down?: Failure
  /** Its file, or what belongs to it, was found damaged when this agent started: kept under this name, and why. What it held is offered again. */
  readonly damaged?: { readonly kept: string; readonly cause: string }
}

/** Entries of one answer, at most. @default 1_000 */
export const maxQueueEntries = 1_000

/** An attempt in the queue of a node. */
export interface QueueEntry {
  readonly job: string
  readonly stage: string
  readonly task: string
  readonly attempt: number
  readonly is: 'waiting' | 'running'
  /** The node that gave it. */
  readonly coordinator: NodeId
  /** Since it was taken. */
  readonly seconds: number
}

export type QueueOrder = { readonly do: 'pause' | 'resume' } | { readonly do: 'drop' /** Its id, or the beginning of one; or `all`. */; readonly job: string }

/** What a node tells of itself when a member asks. */
export interface NodeStatus {
  readonly node: NodeId
  /** At once now, and by configuration. */
  readonly now: number
  readonly slots: number
  /** Why it takes nothing, or less than it could. */
  readonly reason?: Reason | undefined
  readonly queue: { readonly use: string; readonly waiting: number; readonly running: number; readonly limit: number }
}

export interface NodeView {
  readonly id: NodeId
  readonly name: string
  readonly self: boolean
  readonly state: 'up' | 'draining' | 'suspect' | 'gone'
  readonly addresses: readonly string[]
  /** By configuration. */
  readonly slots: number
  /** At once now. */
  readonly now: number
  readonly reason?: Reason | undefined
  /** Tasks it takes at once, waiting and running. */
  readonly room: number
  /** As it told just now: only where it was asked and answered. */
  readonly queue?: NodeStatus['queue']
  readonly kinds: readonly string[]
  readonly labels: readonly string[]
  readonly engines: readonly string[]
  readonly memory: number
  readonly version: string
  readonly boot: number
  /** Seconds since the last sign of life. */
  readonly seenSeconds: number
  /** Only of the agent that answers. */
  readonly agent?: AgentView
}
