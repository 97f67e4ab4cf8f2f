/**
 * How a result becomes *the* result: exactly one per task, by an attempt that is alive, or by one of a pure task that was given
 * up. All others are fenced, and their nodes told to forget them.
 */
import type { NodeId } from '../kind.ts'
import { cancel, end, say } from './attempt.ts'
import { charge, tell } from './charge.ts'
import { bookOf } from './credits.ts'
import type { Event, Ref } from './event.ts'
import type { Round } from './instruction.ts'
import { chargeOf } from './retry.ts'
import { become, isOpen, type Job, keyOf, type Result, type Task, tally } from './state.ts'
import { index, inputLost, made } from './withdraw.ts'

/** Tasks that are not asked for yet, of which something is reported, at most; other results stay in their nodes' outboxes and come again. */
export const maxReports = 1000

export function done(round: Round, job: Job, event: Event & { is: 'done' }): void {
  for (const item of event.tasks) {
    const task = job.tasks.get(item.task)
    if (task === undefined) early(round, job, event, item)
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

/** Of an older term, while it is taken over: unless a later attempt was. */
export function mayAdopt(task: Task, ref: Ref): boolean {
  if (!task.job.takesOver || ref.term >= task.job.term || !isOpen(task) || task.withdrawn.has(keyOf(ref))) return false
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

export function failed(round: Round, job: Job, event: Event & { is: 'failed' }): void {
  for (const { error, retry, ...ref } of event.tasks) {
    const attempt = job.tasks.get(ref.task)?.live.get(keyOf(ref))
    round.out.push({ is: 'note', node: event.src, job: job.id, ...ref })
    if (attempt?.node !== event.src) continue
    end(round.state, attempt)
    say(round.out, attempt, 'failed', error)
    const { cid } = error
    if (error.code === 'INPUT_LOST' && cid !== undefined) inputLost(round, attempt, { ...error, cid })
    else charge(round, attempt.task, chargeOf(event.src, error, retry))
  }
}

/** Heard before. The node forgets it once it is on disk. */
function known(round: Round, task: Task, src: NodeId, ref: Ref): void {
  const { winner } = task
  if (winner?.key !== keyOf(ref) || winner.node !== src) fence(round, task.job, src, ref, 'late result')
  else if (winner.synced) round.out.push({ is: 'note', node: src, job: task.job.id, task: task.name, term: ref.term, attempt: ref.attempt })
}

/** After a restart a result may come before `coordinate` has asked for its task again. */
function early(round: Round, job: Job, { src, boot }: { readonly src: NodeId; readonly boot: number }, item: Ref & { readonly result: Result }): void {
  if (item.term >= job.term) {
    fence(round, job, src, item, 'result of no task')
    return
  }
  if (job.reports.size >= maxReports && !job.reports.has(item.task)) return
  const reports = job.reports.get(item.task) ?? []
  if (reports.some((report) => report.is === 'done' && report.src === src && keyOf(report) === keyOf(item))) return
  job.reports.set(item.task, [...reports, { is: 'done', src, boot, term: item.term, attempt: item.attempt, result: item.result }])
}

function fence({ out }: Round, job: Job, src: NodeId, { task, term, attempt }: Ref, what: string): void {
  const ref = { node: src, job: job.id, task, term, attempt }
  out.push({ is: 'fenced', ...ref, what }, { is: 'note', ...ref })
}
