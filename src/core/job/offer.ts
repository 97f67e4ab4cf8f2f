/**
 * Gives ready tasks to nodes with credit: the best-ranked that has a slot free, else the best-ranked, so that work always flows. Jobs take turns, so a large
 * one does not starve a small one.
 */
import { choose } from '../cluster/placement.ts'
import type { Ms, NodeId } from '../kind.ts'
import { say } from './attempt.ts'
import { fail } from './charge.ts'
import { bookOf, settle } from './credits.ts'
import type { Round } from './instruction.ts'
import { renew, timeAt } from './lease.ts'
import { allowedOf, candidates, first, fittingOf, shift } from './ready.ts'
import { type Attempt, become, type Job, keyOf, type Line, type State, type Task } from './state.ts'
import { warn } from './warn.ts'

/** Tasks that no node fits wait so long before it is said: nodes may be about to come. @default 2_000 (ms) */
export const patienceMs: Ms = 2_000

/** Offers until no job has a task that a node with credit may run. */
export function place(round: Round): void {
  const { ring, open } = round.state
  for (let idle = 0; open.size > 0 && idle < ring.length; ) {
    const job = ring.shift()
    if (job === undefined) return
    ring.push(job)
    idle = placeOne(round, job) ? 0 : idle + 1
  }
}

function placeOne(round: Round, job: Job): boolean {
  if (job.ready === 0 || job.adopts || job.isHeld) return false
  for (const line of job.lines.values()) {
    const task = first(line)
    if (task === undefined) {
      if (line.key !== '') job.lines.delete(line.key)
      continue
    }
    const node = choose(task.key, idleFirst(round.state, candidates(round.state, job, line), task), task.prefer)
    if (node === undefined) continue
    shift(line)
    offer(round, task, node)
    return true
  }
  return false
}

/** Those with a slot for it now, while there are any: what waits on one node while another sleeps is time lost. A preferred node may let it wait. */
function idleFirst(state: State, nodes: readonly NodeId[], { prefer }: Task): readonly NodeId[] {
  if (prefer.some((node) => nodes.includes(node))) return nodes
  const idle = nodes.filter((id) => {
    const book = state.books.get(id)
    return book !== undefined && book.attempts.size < (book.node?.now ?? book.node?.slots ?? 0)
  })
  return idle.length > 0 ? idle : nodes
}

function offer({ state, now, out }: Round, task: Task, node: NodeId): void {
  const { job } = task
  const book = bookOf(state, node)
  const { term, leaseMs, pure } = job
  const number = ++task.attempts
  const key = keyOf({ term, attempt: number })
  const attempt: Attempt = { task, key, term, attempt: number, node, boot: book.boot, is: 'offered', until: 0, step: state.step, over: false }
  renew(attempt, now)
  state.leases.push(attempt.until, attempt)
  task.live.set(key, attempt)
  book.attempts.add(attempt)
  book.unanswered++
  settle(state, book)
  become(task, 'live')
  if (job.nodes !== undefined) sayFewer(out, job, allowedOf(state, job)?.size ?? 0)
  const from = timeAt(book, now)
  out.push({ is: 'offer', node, job: job.id, task: task.name, term, attempt: number, leaseMs, from, pure, stage: task.stage.name, body: bodyOf(task) })
  say(out, attempt, 'offered')
}

function bodyOf({ body }: Task): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body, 'latin1') : body
}

function sayFewer(out: Round['out'], job: Job, found: number): void {
  if (job.nodes !== undefined && found < job.nodes) {
    warn(out, job, 'fewer', `Runs on ${found} ${found === 1 ? 'node' : 'nodes'} where ${job.nodes} were asked for: no more of the domain fit`)
  }
}

/** Lines that no node may run: when all that fit refuse, their tasks fail; when none fits they wait, which is said once. */
export function overlook(round: Round): void {
  for (const job of round.state.ring) {
    if (job.ready === 0 || job.adopts) continue
    for (const line of job.lines.values()) if (first(line) !== undefined) overlookLine(round, job, line)
  }
}

function overlookLine(round: Round, job: Job, line: Line): void {
  const { usable, refused } = fittingOf(round.state, job, line)
  if (usable.size > 0) {
    line.emptyAt = undefined
    return
  }
  const refusal = refused === undefined ? undefined : job.refusals.get(refused)
  if (refusal !== undefined) {
    for (let task = first(line); task !== undefined; task = first(line)) {
      shift(line)
      fail(round, task, refused, refusal)
    }
    return
  }
  line.emptyAt ??= round.now
  if (round.now - line.emptyAt < patienceMs) return
  const { on, needs } = line.want
  const asked = [...(on === undefined ? [] : [`on ${on.join(' or ')}`]), ...(needs === undefined ? [] : [`with ${JSON.stringify(needs)}`])]
  warn(round.out, job, 'none', `No node of the domain runs ${[job.kind, ...asked].join(' ')}: the job waits for one`)
}
