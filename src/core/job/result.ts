/**
 * How a result becomes *the* result: exactly one per task, by an attempt that is alive, or by one of a pure task that was given
 * up. All others are fenced, and their nodes told to forget them.
 */
import type { Failure, NodeId } from '../kind.ts'
import { cancel, end, say } from './attempt.ts'
import { charge, tell } from './charge.ts'
import { bookOf } from './credits.ts'
import type { Event, Ref } from './event.ts'
import type { Round } from './instruction.ts'
import { chargeOf } from './retry.ts'
import { become, type Charge, isOpen, type Job, keyOf, type Report, type Result, type Task, tally } from './state.ts'
import { index, inputLost, made } from './withdraw.ts'

/** Tasks that are not asked for yet, of which something is reported, at most; other results stay in their nodes' outboxes and come again. */
export const maxReports = 1000

export function done(round: Round, job: Job, event: Event & { is: 'done' }): void {
  for (const item of event.tasks) {
    const task = job.tasks.get(item.task)
    if (task === undefined && job.finished.has(item.task)) note(round, job, event.src, item)
    else if (task === undefined) early(round, job, event, item)
    else if (task.is === 'done') known(round, task, event.src, item)
    else {
      const judged = isOpen(task) ? judge(round, task, event.src, item) : 'fence'
      if (judged === 'take') commit(round, task, event.src, item, item.result)
      else if (judged === 'fence') fence(round, job, event.src, item, 'result')
    }
  }
}

/**
 * `take` it, if its attempt is alive and was given to who sends it; of a pure task whatever was once given away is as good. `wait`
 * for a node that is not there, as far as we know: it has the bytes, and will send the result again when it is back.
 */
export function judge({ state }: Round, task: Task, src: NodeId, ref: Ref): 'take' | 'wait' | 'fence' {
  const key = keyOf(ref)
  const { job } = task
  const live = task.live.get(key)
  if (live !== undefined) return live.node === src ? 'take' : 'fence'
  const owner = task.past.get(key)
  const isGood = owner === undefined ? ref.term < job.term && (job.pure || mayAdopt(task, ref)) : job.pure && owner === src
  if (!isGood || task.withdrawn.has(key)) return 'fence'
  return (bookOf(state, src).node?.state ?? 'gone') === 'gone' ? 'wait' : 'take'
}

/** Of an older term, while it may be adopted: unless a later attempt was, or its failure is in the journal. */
export function mayAdopt(task: Task, ref: Ref): boolean {
  if (!task.job.adopts || ref.term >= task.job.term || !isOpen(task) || task.withdrawn.has(keyOf(ref))) return false
  if (task.charges.some(({ of }) => of !== undefined && keyOf(of) === keyOf(ref))) return false
  for (const { term, attempt } of task.live.values()) if (term > ref.term || (term === ref.term && attempt > ref.attempt)) return false
  return true
}

export function commit(round: Round, task: Task, src: NodeId, { term, attempt: number }: Omit<Ref, 'task'>, result: Result): void {
  const key = keyOf({ term, attempt: number })
  const live = task.live.get(key)
  if (live !== undefined) end(round.state, live)
  for (const other of [...task.live.values()]) cancel(round, other, 'another attempt brought the result')
  const winner = { key, node: src, term, attempt: number, cids: result.cids, step: round.state.step, synced: false }
  task.winner = winner
  for (const maker of task.waitsFor) maker.waiters.delete(task)
  task.waitsFor.clear()
  become(task, 'done')
  tally(task.job, src, 1)
  index(task, winner)
  round.out.push({ is: 'commit', node: src, job: task.job.id, task: task.name, term, attempt: number, stage: task.stage.name, result })
  say(round.out, { task, node: src, term, attempt: number }, 'done')
  tell(round, task, { is: 'done', node: src, value: result.value })
  made(round, task)
}

/** Its node may forget it: at once, or when what it costs is on disk. */
export function failed(round: Round, job: Job, event: Event & { is: 'failed' }): void {
  for (const { error, retry, ...ref } of event.tasks) {
    const task = job.tasks.get(ref.task)
    if (task === undefined && !job.finished.has(ref.task) && job.adopts && ref.term < job.term)
      keep(job, event, ref.task, { is: 'failed', error, retry, ...ref })
    else if (task === undefined || !fails(round, task, event.src, ref, error, retry)) round.out.push({ is: 'note', node: event.src, job: job.id, ...ref })
  }
}

/** Whether the failure is charged. It counts once: of an attempt that is alive, or of one that may be adopted. */
export function fails(round: Round, task: Task, src: NodeId, ref: Ref, error: Failure, retry: Charge['retry'] | undefined): boolean {
  const key = keyOf(ref)
  const live = task.live.get(key)
  if (live === undefined ? !isNews(task, ref) : live.node !== src) return false
  const attempt = live ?? { task, node: src, term: ref.term, attempt: ref.attempt, step: 0 }
  if (live !== undefined) end(round.state, live)
  else {
    task.past.set(key, src)
    // Out of its line: it may not go back to where it failed.
    become(task, 'paused')
  }
  say(round.out, attempt, 'failed', error)
  const { cid } = error
  const { length } = task.charges
  if (error.code === 'INPUT_LOST' && cid !== undefined) inputLost(round, attempt, { ...error, cid })
  else charge(round, task, chargeOf(src, error, retry, { term: ref.term, attempt: ref.attempt }))
  return task.charges.at(length)?.of !== undefined
}

/** Of an older term, and not heard before. */
function isNews(task: Task, ref: Ref): boolean {
  return task.live.size === 0 && !task.past.has(keyOf(ref)) && mayAdopt(task, ref)
}

/** Heard before. The node forgets it once it is on disk. */
function known(round: Round, task: Task, src: NodeId, ref: Ref): void {
  const { winner } = task
  if (winner?.key !== keyOf(ref) || winner.node !== src) fence(round, task.job, src, ref, 'late result')
  else if (winner.synced) note(round, task.job, src, ref)
}

function note({ out }: Round, job: Job, node: NodeId, { task, term, attempt }: Ref): void {
  out.push({ is: 'note', node, job: job.id, task, term, attempt })
}

/** After a restart a result may come before `coordinate` has asked for its task again. */
function early(round: Round, job: Job, from: Sender, { task, ...end }: Ref & { readonly result: Result }): void {
  if (end.term >= job.term) fence(round, job, from.src, { task, ...end }, 'result of no task')
  else keep(job, from, task, { is: 'done', ...end })
}

type Sender = Pick<Report, 'src' | 'boot'>
/** Without the sender, of each sort. */
type Bare<R> = R extends Report ? Omit<R, keyof Sender> : never

/** Once, and within the bound: what is not kept comes again. */
function keep(job: Job, { src, boot }: Sender, task: string, end: Bare<Report & { is: 'done' | 'failed' }>): void {
  if (job.reports.size >= maxReports && !job.reports.has(task)) return
  const reports = job.reports.get(task) ?? []
  if (reports.some((report) => report.is === end.is && report.src === src && keyOf(report) === keyOf(end))) return
  job.reports.set(task, [...reports, { ...end, src, boot }])
}

function fence({ out }: Round, job: Job, src: NodeId, { task, term, attempt }: Ref, what: string): void {
  const ref = { node: src, job: job.id, task, term, attempt }
  out.push({ is: 'fenced', ...ref, what }, { is: 'note', ...ref })
}
