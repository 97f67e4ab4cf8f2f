/**
 * A node tells all that it holds. What counts is renewed; what does not is ended; after a restart, what older terms gave away is
 * adopted under its old name.
 */

import { takes } from './answer.ts'
import { cancel, say } from './attempt.ts'
import { bookOf } from './credits.ts'
import type { Beat, Ref } from './event.ts'
import type { Round, To } from './instruction.ts'
import { renew } from './lease.ts'
import { missed } from './lose.ts'
import { allowedOf } from './ready.ts'
import { maxReports, mayAdopt } from './result.ts'
import { type Attempt, become, type Job, keyOf, type State, type Task } from './state.ts'

export function beat(round: Round, event: Beat): void {
  const { state, out } = round
  const { src, boot, at } = event
  // What its start before held, the start of now tells.
  const isOld = boot < bookOf(state, src).boot
  const closed = new Set<string>()
  const grants = new Map<number, Omit<To, 'node'>[]>()
  for (const item of isOld ? [] : event.held) {
    const job = state.jobs.get(item.job)
    if (job === undefined) closed.add(item.job)
    else if (holds(round, job, event, item)) push(grants, job.leaseMs, { job: job.id, task: item.task, term: item.term, attempt: item.attempt })
    else out.push({ is: 'cancel', node: src, ...refOf(item), why: 'this attempt does not count any more' })
  }
  for (const item of event.done) {
    const job = state.jobs.get(item.job)
    if (job === undefined) closed.add(item.job)
    else waits(round, job, event, item)
  }
  for (const job of event.asks) if (!state.jobs.has(job)) closed.add(job)
  for (const job of closed) out.push({ is: 'close', node: src, job })
  for (const [leaseMs, held] of grants) out.push({ is: 'grant', node: src, leaseMs, from: { boot, at }, held })
  if (event.more || isOld) return
  bookOf(state, src).beaten = true
  missed(round, src, boot)
}

/** Whether the node may go on with it. */
function holds(round: Round, job: Job, { src, boot }: Beat, item: Beat['held'][number]): boolean {
  const task = job.tasks.get(item.task)
  const live = task?.live.get(keyOf(item))
  if (live !== undefined) {
    if (live.node !== src) return false
    takes(round, live, item.is === 'running', boot)
    return true
  }
  // The term before may have given it up, and to another: what may not run twice is not taken back from a queue.
  if (item.kept && item.term < job.term && !job.pure) return false
  if (task === undefined) return !job.finished.has(item.task) && report(job, src, boot, item)
  if (!mayAdopt(task, item) && !mayReturn(round.state, task, src, item)) return false
  adopt(round, task, src, boot, item, item.is === 'running')
  return true
}

/** It was given up when its node went, and nobody has it since. */
function mayReturn(state: State, task: Task, src: string, ref: Ref): boolean {
  const { job, is, past, withdrawn, failedOn, charges } = task
  const key = keyOf(ref)
  if (is !== 'ready' || ref.term !== job.term || past.get(key) !== src || withdrawn.has(key)) return false
  // A beat from before its failure may come after it.
  if (charges.some(({ of }) => of !== undefined && keyOf(of) === key)) return false
  return !failedOn.has(src) && !job.refusals.has(src) && (allowedOf(state, job)?.has(src) ?? true)
}

/** `coordinate` may still ask for it, while adoption lasts. */
function report(job: Job, src: string, boot: number, { task, term, attempt, is }: Beat['held'][number]): boolean {
  if (!job.adopts || term >= job.term || (job.reports.size >= maxReports && !job.reports.has(task))) return false
  const others = (job.reports.get(task) ?? []).filter(
    (known) => known.src !== src || keyOf(known) !== keyOf({ term, attempt }) || known.is === 'done' || known.is === 'failed',
  )
  job.reports.set(task, [...others, { is, src, boot, term, attempt }])
  return true
}

/** Goes on under its old (term, attempt): the node need not know that the coordinator was away. */
export function adopt(round: Round, task: Task, src: string, boot: number, { term, attempt: number }: Omit<Ref, 'task'>, runs: boolean): void {
  const { state, now, out } = round
  for (const older of [...task.live.values()]) cancel(round, older, 'a later attempt is alive')
  const key = keyOf({ term, attempt: number })
  const attempt: Attempt = { task, key, term, attempt: number, node: src, boot, is: 'accepted', until: 0, step: state.step, over: false }
  renew(attempt, now)
  state.leases.push(attempt.until, attempt)
  task.live.set(key, attempt)
  bookOf(state, src).attempts.add(attempt)
  become(task, 'live')
  say(out, attempt, 'adopted')
  takes(round, attempt, runs, boot)
}

/** Its result is under way: the attempt stays alive, or the node may forget what is on disk. */
function waits({ now, out }: Round, job: Job, { src, boot }: Beat, ref: Ref): void {
  const task = job.tasks.get(ref.task)
  const live = task?.live.get(keyOf(ref))
  if (live?.node === src) {
    live.boot = boot
    renew(live, now)
  }
  const { winner } = task ?? {}
  if (task === undefined && job.finished.has(ref.task)) out.push({ is: 'note', node: src, ...refOf({ ...ref, job: job.id }) })
  if (winner?.synced && winner.node === src && winner.key === keyOf(ref)) out.push({ is: 'note', node: src, ...refOf({ ...ref, job: job.id }) })
}

function refOf({ job, task, term, attempt }: Ref & { readonly job: string }): Omit<To, 'node'> {
  return { job, task, term, attempt }
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
