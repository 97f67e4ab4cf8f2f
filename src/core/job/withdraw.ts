/**
 * Inputs that nobody holds any more. The tasks that made them run again under their names, and who needs them waits without
 * cost: law 1 gives the same address again.
 */
import type { Cid } from '../cids.ts'
import type { Failure } from '../kind.ts'
import { say } from './attempt.ts'
import { again, charge } from './charge.ts'
import { thaw } from './finished.ts'
import type { Round } from './instruction.ts'
import { enqueue } from './ready.ts'
import { chargeOf } from './retry.ts'
import { type Attempt, isOpen, type Job, type Task, tally, type Winner } from './state.ts'

/** Times that a result is made again before its loss counts against who needs it. @default 8 */
export const maxWithdrawals = 8

/** An attempt failed because `cid` could not be had. */
export function inputLost(round: Round, attempt: Pick<Attempt, 'task' | 'node' | 'term' | 'attempt' | 'step'>, error: Failure & { readonly cid: Cid }): void {
  const { task } = attempt
  const makers = makersOf(task.job, error.cid)
  if (makers.length === 0) charge(round, task, chargeOf(attempt.node, error, undefined, { term: attempt.term, attempt: attempt.attempt }))
  else {
    for (const maker of makers) {
      // Made again since this attempt was offered: it may have asked the holders of before.
      if (maker.winner === undefined || maker.winner.step <= attempt.step) wait(round, task, maker)
    }
    again(task)
  }
}

/** The coordinator itself misses `cid`. The answer is `remade` or `unmade`. */
export function lost(round: Round, job: Job, cid: Cid, want: number): void {
  const makers = makersOf(job, cid)
  if (makers.length === 0) {
    const error = { code: 'INPUT_LOST', message: `Nobody holds ${cid}, and no task of the job can make it again`, cid }
    round.out.push({ is: 'unmade', job: job.id, want, error })
    return
  }
  for (const maker of makers) withdraw(round, maker)
  job.wants.set(want, new Set(makers))
}

/** A task was committed: those that waited for it go on. */
export function made({ out }: Round, task: Task): void {
  const { job } = task
  for (const waiter of task.waiters) {
    waiter.waitsFor.delete(task)
    if (waiter.is === 'waiting') again(waiter)
  }
  task.waiters.clear()
  for (const [want, makers] of job.wants) {
    if (!makers.delete(task) || makers.size > 0) continue
    job.wants.delete(want)
    out.push({ is: 'remade', job: job.id, want })
  }
}

/** Index of what a result names, kept when it is withdrawn, so that all who miss it wait for the same task. */
export function index(task: Task, winner: Winner): void {
  const { makers } = task.job
  for (const cid of winner.cids) {
    const known = makers.get(cid)
    // Nearly always there is one.
    if (known === undefined) makers.set(cid, task)
    else if (known instanceof Set) known.add(task)
    else if (known !== task) makers.set(cid, new Set([known, task]))
  }
}

/** Those whose result stands, and those whose result does not any more. */
export function allMakers(job: Job, cid: Cid): readonly Task[] {
  const known = job.makers.get(cid)
  if (known === undefined) return []
  return known instanceof Set ? [...known] : [known]
}

function makersOf(job: Job, cid: Cid): Task[] {
  return allMakers(job, cid).filter((maker) => {
    const stands = maker.is === 'done' && maker.winner?.cids.includes(cid) === true && maker.withdrawals < maxWithdrawals
    return stands || (isOpen(maker) && maker.withdrawals > 0)
  })
}

function wait(round: Round, task: Task, maker: Task): void {
  withdraw(round, maker)
  task.waitsFor.add(maker)
  maker.waiters.add(task)
}

function withdraw({ out }: Round, maker: Task): void {
  const { winner } = maker
  if (winner === undefined) return
  thaw(maker)
  maker.winner = undefined
  maker.withdrawn.add(winner.key)
  maker.withdrawals++
  tally(maker.job, winner.node, -1)
  out.push({ is: 'withdraw', job: maker.job.id, task: maker.name })
  say(out, { ...winner, task: maker }, 'withdrawn')
  enqueue(maker)
}
