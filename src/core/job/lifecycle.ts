/**
 * The heart: what happens goes in, what shall be done comes out. No clock, no I/O, no randomness: the simulator runs it by the
 * hundred thousand. `next` changes its own state and returns instructions, in the order in which they are to be carried out.
 *
 *   attempt   offered → accepted → running → done | failed | cancelled | lost
 *   task      ready → live → done | failed, by way of `paused` (later) and `waiting` (its inputs are made again)
 */
import type { Ms } from '../kind.ts'
import { accepted, cancelled, refused } from './answer.ts'
import { beat } from './beat.ts'
import { again } from './charge.ts'
import { bookOf, hear, refresh } from './credits.ts'
import type { Event, Said } from './event.ts'
import { retire } from './finished.ts'
import type { Instruction, Round } from './instruction.ts'
import { forgetOver, leaseMs, listen, napMs } from './lease.ts'
import { expire, nodeChanged, reborn } from './lose.ts'
import { overlook, place } from './offer.ts'
import { addTask, closeJob, endAdoption, endRun, leaveRun, openJob, openRun } from './open.ts'
import { done, failed } from './result.ts'
import type { Job, State } from './state.ts'
import { lost } from './withdraw.ts'

export function next(state: State, event: Event, now: Ms): Instruction[] {
  const round: Round = { state, now, out: [] }
  state.step++
  react(round, event)
  place(round)
  return round.out
}

function react(round: Round, event: Event): void {
  const { state, now } = round
  switch (event.is) {
    case 'tick':
      tick(round)
      return
    case 'wire':
      wireChanged(state, event.up, now)
      return
    case 'node':
      nodeChanged(round, event.node)
      return
    case 'job.opened':
      openJob(round, event)
      return
    case 'beat':
      listenTo(round, event)
      beat(round, event)
      return
    default:
      if ('src' in event) listenTo(round, event)
      about(round, event)
  }
}

/** While the broker cannot be reached, nobody is silent, and no adoption ends. */
function wireChanged(state: State, isUp: boolean, now: Ms): void {
  state.deafUntil = isUp ? now + leaseMs : Number.POSITIVE_INFINITY
  state.listensSince = isUp ? now : Number.POSITIVE_INFINITY
}

type OfJob = Exclude<Event, { is: 'tick' | 'wire' | 'node' | 'job.opened' | 'beat' }>

function about(round: Round, event: OfJob): void {
  const job = round.state.jobs.get(event.job)
  if (job === undefined) {
    if ('src' in event) round.out.push({ is: 'close', node: event.src, job: event.job })
    return
  }
  inJob(round, job, event)
}

function inJob(round: Round, job: Job, event: OfJob): void {
  switch (event.is) {
    case 'job.closed':
      closeJob(round, job, event.why)
      return
    case 'job.held':
      job.isHeld = event.isHeld
      return
    case 'run.opened':
      openRun(job, event.run, event.stage, event.total)
      return
    case 'run.ended':
      endRun(job, event.run)
      return
    case 'run.left':
      leaveRun(round, job, event.run)
      return
    case 'task.added':
      addTask(round, job, event)
      return
    case 'synced':
      synced(round, job, event)
      return
    case 'lost':
      lost(round, job, event.cid, event.want)
      return
    case 'accepted':
    case 'started':
      accepted(round, job, event)
      return
    case 'refused':
      refused(round, job, event)
      return
    case 'done':
      done(round, job, event)
      return
    case 'failed':
      failed(round, job, event)
      return
    case 'cancelled':
      cancelled(round, job, event)
      return
  }
}

/** Every message of a node tells its start, its time and its room. */
function listenTo(round: Round, { src, boot, seq, at, free }: Omit<Said, 'job'>): void {
  const book = bookOf(round.state, src)
  if (boot > book.boot) reborn(round, src, boot)
  hear(round.state, book, { boot, seq, at, free }, round.now)
}

function synced({ out }: Round, job: Job, { task, term, attempt }: Event & { is: 'synced' }): void {
  const done = job.tasks.get(task)
  const winner = done?.winner
  // Withdrawn meanwhile: what was on disk is void, but its node may forget it all the same.
  if (done !== undefined && winner?.term === term && winner.attempt === attempt) {
    winner.synced = true
    retire(done)
    out.push({ is: 'note', node: winner.node, job: job.id, task, term, attempt })
  }
}

function tick(round: Round): void {
  const { state, now } = round
  if (state.tickedAt !== undefined && now - state.tickedAt > napMs) listen(state, now)
  state.tickedAt = now
  expire(round)
  for (let task = state.pauses.due(now); task !== undefined; task = state.pauses.due(now)) if (task.is === 'paused') again(task)
  endAdoption(round)
  overlook(round)
  forgetOver(state)
  if (state.ring.some(({ ready }) => ready > 0)) refresh(state, now)
}
