/** How an attempt ends: it gives back what it held of its node's credit, and its task is no longer alive by it. */

import type { Failure } from '../kind.ts'
import type { TaskState } from '../views.ts'
import { bookOf, settle } from './credits.ts'
import type { Instruction, Round, To } from './instruction.ts'
import { type Attempt, type State, show, type Task } from './state.ts'

/** Attempts of a task whose late results can still be told from forged ones, at most. */
const maxPast = 8

/** Takes it out. What becomes of the task is the caller's word. */
export function end(state: State, attempt: Attempt): void {
  if (attempt.over) return
  answer(state, attempt)
  attempt.over = true
  const { task } = attempt
  task.live.delete(attempt.key)
  remember(task, attempt)
  show(task)
  bookOf(state, attempt.node).attempts.delete(attempt)
}

/** The node has spoken of it: from now on it is counted in what the node calls free. */
export function answer(state: State, attempt: Attempt): void {
  if (attempt.is !== 'offered' || attempt.over) return
  attempt.is = 'accepted'
  const book = bookOf(state, attempt.node)
  book.unanswered--
  settle(state, book)
}

/** Ends it from our side and tells its node, which nobody waits for. */
export function cancel({ state, out }: Round, attempt: Attempt, why: string): void {
  end(state, attempt)
  out.push({ is: 'cancel', ...refOf(attempt), why })
  say(out, attempt, 'cancelled')
}

/** Keeps whose it was, so that a late result of it can be told from a forged one. */
function remember(task: Task, attempt: Attempt): void {
  task.past.set(attempt.key, attempt.node)
  if (task.past.size <= maxPast) return
  for (const oldest of task.past.keys()) {
    task.past.delete(oldest)
    break
  }
}

export function refOf({ task, node, term, attempt }: Attempt): To {
  return { node, job: task.job.id, task: task.name, term, attempt }
}

export function say(
  out: Instruction[],
  { task, node, term, attempt }: Pick<Attempt, 'task' | 'node' | 'term' | 'attempt'>,
  state: TaskState,
  error?: Failure,
): void {
  const stage = task.stage.name
  out.push({ is: 'event', node, job: task.job.id, task: task.name, term, attempt, stage, state, ...(error === undefined ? {} : { error }) })
}
