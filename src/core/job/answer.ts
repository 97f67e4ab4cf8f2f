/** What a node says to an offer: accepted, started, or refused. */

import { rowOf } from '../errors.ts'
import type { Failure, Ms, NodeId } from '../kind.ts'
import { answer, end, say } from './attempt.ts'
import { again, pause } from './charge.ts'
import { bookOf, settle } from './credits.ts'
import type { Event, Said } from './event.ts'
import type { Round } from './instruction.ts'
import { renew } from './lease.ts'
import { type Attempt, type Job, keyOf, show, type Task } from './state.ts'

/** Offers that come too late twice within this: the way to the node is slow, and asking faster is no help. @default 1_000 (ms) */
const lateMs: Ms = 1_000

export function accepted(round: Round, job: Job, event: Event & { is: 'accepted' | 'started' }): void {
  for (const { task: name, attempt: number } of event.tasks) {
    const task = job.tasks.get(name)
    const ref = { term: event.term, attempt: number }
    const attempt = task?.live.get(keyOf(ref))
    if (attempt?.node === event.src) takes(round, attempt, event.is === 'started', event.boot)
    // Of an older term: its next beat says so again, and then it is adopted or ended.
    else if (ref.term === job.term && task?.winner?.key !== keyOf(ref)) {
      round.out.push({ is: 'cancel', node: event.src, job: job.id, task: name, ...ref, why: 'this attempt does not count any more' })
    }
  }
}

/** The node has it, under this start of it. */
export function takes(round: Round, attempt: Attempt, runs: boolean, boot: number): void {
  if (attempt.is === 'offered') {
    answer(round.state, attempt)
    if (!runs) say(round.out, attempt, 'accepted')
  }
  attempt.boot = boot
  renew(attempt, round.now)
  if (!runs || attempt.is === 'running') return
  attempt.is = 'running'
  show(attempt.task)
  say(round.out, attempt, 'running')
}

export function refused(round: Round, job: Job, event: Event & { is: 'refused' }): void {
  for (const { task: name, attempt: number, error } of event.tasks) {
    const attempt = job.tasks.get(name)?.live.get(keyOf({ term: event.term, attempt: number }))
    if (attempt?.node !== event.src || attempt.is !== 'offered') continue
    end(round.state, attempt)
    say(round.out, attempt, 'refused', error)
    if (error.code === 'TOO_LATE') wasLate(round, event, attempt)
    else if (rowOf(error.code).retry === 'later') wasFull(round, event, attempt.task)
    else unwilling(round, job, event.src, error, attempt.task)
  }
}

/** Costs no attempt: the answer tells the node's time, so the next offer is in time. What is late again waits for the node's next word. */
function wasLate(round: Round, said: Said, { task, step }: Attempt): void {
  const { state, now } = round
  const book = bookOf(state, said.src)
  const isFirst = now - book.late.at > lateMs
  if (isFirst) book.late = { at: now, step: state.step }
  if (isFirst || step < book.late.step) again(task)
  else wasFull(round, said, task)
}

/** Costs no attempt. Whatever it called free, it gets nothing more until it has spoken again. */
function wasFull({ state }: Round, { src }: Said, task: Task): void {
  const book = bookOf(state, src)
  book.free = 0
  settle(state, book)
  again(task)
}

/** A refusal speaks of the node, not of the task: the whole job goes round it, and no attempt is charged. */
function unwilling(round: Round, job: Job, src: NodeId, error: Failure, task: Task): void {
  job.refusals.set(src, error)
  round.state.version++
  again(task)
}

/** The node gave it up by itself: it stops, lost touch, or was told to by its owner. */
export function cancelled(round: Round, job: Job, event: Event & { is: 'cancelled' }): void {
  for (const ref of event.tasks) {
    const attempt = job.tasks.get(ref.task)?.live.get(keyOf(ref))
    if (attempt?.node !== event.src) continue
    const { task, is } = attempt
    end(round.state, attempt)
    if (is === 'running') task.stage.lost++
    say(round.out, attempt, 'lost')
    // To another, where one may run it, and at no charge.
    task.failedOn.add(event.src)
    // A pause, so that a node that gives up everything at once is not asked in a circle.
    pause(round, task, 1000)
  }
}
