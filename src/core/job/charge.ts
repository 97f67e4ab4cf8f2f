/** What a failed attempt means for its task: again, later, or never. */
import type { Failure, Ms, NodeId } from '../kind.ts'
import { cancel } from './attempt.ts'
import type { Round, Told } from './instruction.ts'
import { enqueue } from './ready.ts'
import { verdict } from './retry.ts'
import { become, type Charge, isOpen, type Task } from './state.ts'

/** Writes it down against the task, and decides. */
export function charge(round: Round, task: Task, charged: Charge): void {
  task.charges.push(charged)
  if (charged.retry !== 'later') task.failedOn.add(charged.node)
  round.out.push({ is: 'charge', job: task.job.id, task: task.name, charge: charged })
  const decided = verdict(task.charges)
  if (decided.is === 'fail') fail(round, task, charged.node, charged.error)
  else if (decided.is === 'pause') pause(round, task, decided.ms)
  else again(task)
}

/** Without cost: the task goes on, once its inputs are there and no other attempt of it is alive. */
export function again(task: Task): void {
  if (!isOpen(task) || task.live.size > 0) return
  if (task.waitsFor.size > 0) become(task, 'waiting')
  else enqueue(task)
}

export function pause({ state, now }: Round, task: Task, ms: Ms): void {
  if (!isOpen(task) || task.live.size > 0) return
  become(task, 'paused')
  state.pauses.push(now + ms, task)
}

/** For good. Whoever waits for what it makes fails by the same error. */
export function fail(round: Round, task: Task, node: NodeId | undefined, error: Failure): void {
  if (!isOpen(task)) return
  for (const attempt of [...task.live.values()]) cancel(round, attempt, 'the task failed')
  become(task, 'failed')
  for (const maker of task.waitsFor) maker.waiters.delete(task)
  task.waitsFor.clear()
  tell(round, task, { is: 'failed', node, error })
  for (const waiter of [...task.waiters]) fail(round, waiter, node, error)
  const { id, wants } = task.job
  for (const [want, makers] of wants) {
    if (!makers.has(task)) continue
    wants.delete(want)
    round.out.push({ is: 'unmade', job: id, want, error })
  }
}

/** `coordinate` hears of each task once, however often it is made again. */
export function tell({ out }: Round, task: Task, outcome: Told): void {
  if (task.run.open.delete(task)) out.push({ is: 'outcome', job: task.job.id, run: task.run.id, task: task.name, outcome })
}
