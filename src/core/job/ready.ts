/** Tasks that are ready, in lines of those that ask the same of a node: one that nobody can run now does not hold up the others. */
import { firstOf, fits, type Want } from '../cluster/placement.ts'
import type { JobId, NodeId } from '../kind.ts'
import { avoided } from './retry.ts'
import { become, type Job, type Line, type State, type Task } from './state.ts'

/** Tasks of one job that wait though somebody has room, because nobody who has may run them, at most. @default 1_000 */
const maxAhead = 1000

/** Whether to ask for more tasks: while nodes have room, and else for one, which may be done already. */
export function hasRoom(state: State, id: JobId): boolean {
  const job = state.jobs.get(id)
  return job !== undefined && job.ready < (state.credit > 0 ? maxAhead : 1)
}

/** Puts a task, that no attempt is alive of, to the end of its line. */
export function enqueue(task: Task): void {
  become(task, 'ready')
  lineOf(task).tasks.push(task)
}

/** The first that is still ready. Those that are not any more were left in the line, and go now. */
export function first(line: Line): Task | undefined {
  for (let task = line.tasks[line.head]; task !== undefined; task = line.tasks[line.head]) {
    if (task.is === 'ready') return task
    shift(line)
  }
  return undefined
}

export function shift(line: Line): void {
  line.head++
  // Kept short by halves: shifting an array of ten thousands one by one would be quadratic.
  if (line.head > 32 && line.head * 2 > line.tasks.length) {
    line.tasks.splice(0, line.head)
    line.head = 0
  }
}

export interface Fits {
  readonly usable: ReadonlySet<NodeId>
  /** A node that fits, but refused. */
  readonly refused: NodeId | undefined
}

/** Nodes that a line's tasks may go to, credit or not. */
export function fittingOf(state: State, job: Job, line: Line): Fits {
  if (line.fits?.version === state.version) return line.fits
  const allowed = allowedOf(state, job)
  const usable = new Set<NodeId>()
  let refused: NodeId | undefined
  for (const { id, node } of state.books.values()) {
    if (node === undefined || !fits(node, line.want)) continue
    if (job.refusals.has(id)) refused = id
    else if (allowed === undefined || allowed.has(id)) usable.add(id)
  }
  line.fits = { version: state.version, usable, refused }
  return line.fits
}

/** The nodes of a job with `--nodes`. One that is suspect keeps its place until it is gone. */
export function allowedOf(state: State, job: Job): ReadonlySet<NodeId> | undefined {
  if (job.nodes === undefined) return undefined
  if (job.allowed?.version === state.version) return job.allowed.ids
  const want: Want = { kind: job.kind }
  const ids: NodeId[] = []
  for (const { id, node } of state.books.values()) {
    if (node === undefined || job.refusals.has(id)) continue
    if (fits(node.state === 'suspect' ? { ...node, state: node.announced } : node, want)) ids.push(id)
  }
  job.allowed = { version: state.version, ids: new Set(firstOf(job.nodes, job.id, ids)) }
  return job.allowed.ids
}

function lineOf({ job, want, failedOn }: Task): Line {
  const avoid = [...failedOn].sort()
  const plain = want.on === undefined && want.needs === undefined && avoid.length === 0
  const key = plain ? '' : JSON.stringify([want.on, want.needs, avoid])
  let line = job.lines.get(key)
  if (line === undefined) {
    line = { key, want, avoid: new Set(avoid), tasks: [], head: 0, fits: undefined, emptyAt: undefined }
    job.lines.set(key, line)
  }
  return line
}

/** Nodes with credit that the line's first task may go to now. */
export function candidates(state: State, job: Job, line: Line): NodeId[] {
  const { usable } = fittingOf(state, job, line)
  const avoid = avoided(line.avoid, usable)
  const found: NodeId[] = []
  if (usable.size < state.open.size) {
    for (const id of usable) if (state.open.has(id) && !avoid.has(id)) found.push(id)
  } else {
    for (const id of state.open.keys()) if (usable.has(id) && !avoid.has(id)) found.push(id)
  }
  return found
}
