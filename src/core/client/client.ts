/**
 * An agent, as whoever speaks to it sees it: one method a route of `api.ts`. Holds nothing: each call is a connection of its own,
 * so a client needs no closing and survives a restart of its agent.
 */
import { dirname } from 'node:path'
import type { Address } from '../cids.ts'
import type { AgentView, Artifact, Entry, JobEvent, JobView, NodeView, QueueEntry, QueueOrder, Submit } from './api.ts'
import { ask, askBytes, askJson, askLines, type Patience, type Question } from './http.ts'
import { silentError } from './silent.ts'

export interface Client {
  readonly socket: string
  agent(): Promise<AgentView>
  /** With `status`, each member is asked how full it is; one that does not answer is told of as its presence has it. */
  nodes(options?: { readonly status?: boolean }): Promise<NodeView[]>
  /** What the queue of a node holds, in the order in which it runs. `node` is its id. @throws NOT_FOUND, UNREACHABLE */
  queue(node: string): Promise<QueueEntry[]>
  /** @throws NOT_FOUND, UNREACHABLE, REFUSED another node's, and this one is no operator */
  order(node: string, order: QueueOrder): Promise<{ readonly dropped: number }>
  /** Resolves once the job is on disk: from then on it outlives whoever asked for it. @throws BAD_DATA, NO_NODES, DISK_FULL */
  submit(job: Submit): Promise<string>
  /** Newest first. */
  jobs(): Promise<JobView[]>
  /** `id` may be the beginning of one. @throws NOT_FOUND */
  job(id: string): Promise<JobView>
  /** Until the job is closed; the last one is `closed`. @throws NOT_FOUND, NO_AGENT when the agent ends before */
  events(id: string, options?: { readonly tasks?: boolean; readonly signal?: AbortSignal }): AsyncIterable<JobEvent>
  cancel(id: string): Promise<JobView>
  addFile(content: AsyncIterable<Uint8Array>, options?: AddOptions & { readonly name?: string }): Promise<Artifact>
  /** A directory of files that the agent reads itself: no bytes pass through the socket. `file` is absolute. */
  addPaths(paths: Iterable<LocalFile>, options?: AddOptions): Promise<Artifact>
  /** A directory over what the store has: no bytes move at all. */
  link(artifacts: readonly Artifact[], options?: AddOptions): Promise<Artifact>
  stat(address: Address): Promise<Entry>
  ls(address: Address): AsyncIterable<Entry>
  cat(address: Address, options?: ReadOptions): AsyncIterable<Uint8Array>
  /** Resolves when the agent has begun to end: after its running tasks, or at once. */
  stop(options?: { readonly now?: boolean }): Promise<void>
  /** Keeps a throw-away domain alive until it is closed or this process ends. @throws NO_AGENT */
  session(): Promise<Session>
}

export interface AddOptions {
  /** Kept for good. @default false: until the job that names it is closed */
  readonly keep?: boolean
  readonly signal?: AbortSignal
}

export interface ReadOptions {
  readonly offset?: number | undefined
  readonly length?: number | undefined
  readonly signal?: AbortSignal
}

/** A name within a tree, and the file on this machine that holds its bytes. */
export interface LocalFile {
  readonly path: string
  readonly file: string
}

export interface Session {
  /** Resolves when the session is over, from either side. */
  readonly ended: Promise<void>
  close(): void
}

export interface ClientOptions {
  /** Home of the agent: where its process is looked for when it does not answer. @default the socket's folder */
  readonly home?: string
  /**
   * How long the answer to a question that needs no work may take. What moves bytes, asks other nodes or writes a job down waits for
   * as long as it takes. @default 10_000 (ms)
   */
  readonly answerMs?: number
}

export function createClient(socket: string, { home = dirname(socket), answerMs = 10_000 }: ClientOptions = {}): Client {
  const patience = { ms: answerMs, late: () => silentError(home, answerMs) }
  const soon = <T>(question: Question) => askJson<T>(socket, { ...question, patience })
  return {
    socket,
    agent: () => soon({ path: '/v1/agent' }),
    nodes: ({ status = false } = {}) => soon({ path: '/v1/nodes', query: { status: status ? 1 : undefined } }),
    queue: (node) => soon({ path: queuePath(node) }),
    order: (node, order) => soon({ method: 'POST', path: queuePath(node), json: order }),
    submit: async (job) => (await askJson<{ id: string }>(socket, { method: 'POST', path: '/v1/jobs', json: job })).id,
    jobs: () => soon({ path: '/v1/jobs' }),
    job: (id) => soon({ path: jobPath(id) }),
    events: (id, { tasks = false, signal } = {}) => askLines(socket, { path: `${jobPath(id)}/events`, query: { tasks: tasks ? 1 : undefined }, signal }),
    cancel: (id) => soon({ method: 'POST', path: `${jobPath(id)}/cancel` }),
    addFile: (bytes, { name, keep, signal } = {}) =>
      askJson(socket, { method: 'POST', path: '/v1/store/file', query: { name, keep: keep ? 1 : undefined }, bytes, signal }),
    addPaths: (paths, { keep, signal } = {}) =>
      askJson(socket, { method: 'POST', path: '/v1/store/paths', query: { keep: keep ? 1 : undefined }, bytes: ndjson(paths), signal }),
    link: (artifacts, { keep, signal } = {}) => askJson(socket, { method: 'POST', path: '/v1/store/link', json: { artifacts, keep }, signal }),
    stat: (address) => askJson(socket, { path: '/v1/store/stat', query: { address } }),
    ls: (address) => askLines(socket, { path: '/v1/store/ls', query: { address } }),
    cat: (address, { offset, length, signal } = {}) => askBytes(socket, { path: '/v1/store/cat', query: { address, offset, length }, signal }),
    stop: async ({ now = false } = {}) => void (await ask(socket, { method: 'POST', path: '/v1/agent/stop', json: { now }, patience })).resume(),
    session: () => openSession(socket, patience),
  }
}

/** Lines are gathered: a write for each of a hundred thousand would cost more than reading their files. */
async function* ndjson(values: Iterable<unknown>): AsyncIterable<Uint8Array> {
  let lines: string[] = []
  for (const value of values) {
    lines.push(`${JSON.stringify(value)}\n`)
    if (lines.length < maxLines) continue
    yield Buffer.from(lines.join(''))
    lines = []
  }
  yield Buffer.from(lines.join(''))
}

const maxLines = 256

function queuePath(node: string): string {
  return `/v1/nodes/${encodeURIComponent(node)}/queue`
}

function jobPath(id: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}`
}

async function openSession(socket: string, patience: Patience): Promise<Session> {
  const answer = await ask(socket, { path: '/v1/session', patience })
  const ended = new Promise<void>((resolve) => answer.once('close', resolve))
  // A session that breaks off is a session that is over: nobody waits for its error.
  answer.on('error', () => {})
  answer.resume()
  return { ended, close: () => void answer.destroy() }
}
