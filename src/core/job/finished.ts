/**
 * Tasks that are done for good. One whose result names no address can never be asked for again: of it only its name is kept, as 8
 * bytes of its hash, so that a job of a hundred thousand small tasks weighs what a photograph does. One whose result names some may
 * have to make it again: it is kept, without what only a living task needs.
 */
import type { Task } from './state.ts'

/** What all tasks share that have nothing of it. Never written to: `thaw` comes before. */
const none: Pick<Task, 'live' | 'past' | 'failedOn' | 'withdrawn' | 'waitsFor' | 'waiters' | 'charges'> = {
  live: new Map(),
  past: new Map(),
  failedOn: new Set(),
  withdrawn: new Set(),
  waitsFor: new Set(),
  waiters: new Set(),
  charges: [],
}

/** Its result is on disk, and `coordinate` has heard of it. */
export function retire(task: Task): void {
  const { job, winner } = task
  if (winner?.cids.length === 0 && task.withdrawals === 0) {
    job.tasks.delete(task.name)
    job.finished.add(task.name)
    return
  }
  const { live, waitsFor, waiters } = none
  Object.assign(task, { live, waitsFor, waiters })
  // Of the attempt that won it is kept in `winner`. Others may bring the result once more when this one is lost.
  if (winner !== undefined) task.past.delete(winner.key)
  if (task.past.size === 0) task.past = none.past
  if (task.failedOn.size === 0) task.failedOn = none.failedOn
  if (task.withdrawn.size === 0) task.withdrawn = none.withdrawn
  if (task.charges.length === 0) task.charges = none.charges
  // A typed array of a few bytes weighs hundreds.
  if (typeof task.body !== 'string') task.body = Buffer.from(task.body).toString('latin1')
}

/** It is to be made again. */
export function thaw(task: Task): void {
  if (task.live !== none.live) return
  Object.assign(task, { live: new Map(), waitsFor: new Set(), waiters: new Set() })
  task.past = new Map(task.past)
  task.failedOn = new Set(task.failedOn)
  task.withdrawn = new Set(task.withdrawn)
  task.charges = [...task.charges]
}
