/** A worker gives back what it holds: only whoever has the lock may. */
import { JOB_MISSING, LOCK_MISMATCH, LOCK_MISSING, NOT_IN_STATE, type Refused, refusal } from './codes.ts'
import { findJob, setFields } from './jobs.ts'
import { type Held, lockOf } from './queue.ts'
import { ACTIVE } from './schema.ts'
import type { Turn } from './turn.ts'

export interface Released extends Held {
  readonly id: string
  readonly state: typeof ACTIVE
}

export interface Release {
  readonly token: string
  readonly command: string
  /** What the attempt leaves behind: said even of a job that is no longer active. */
  readonly fields?: Record<string, unknown> | undefined
}

/** The active job that the token locks; the token '0' locks nothing and opens all. The lock is gone with that. @throws -1, -2, -3, -6 as BullMQ's scripts */
export function release(turn: Turn, id: string, given: Release): Released {
  const held = releaseIfActive(turn, id, given)
  if (held === undefined) throw refusal(NOT_IN_STATE, { id, command: given.command, state: 'active' })
  return held
}

export function releaseIfActive(turn: Turn, id: string, { token, command, fields }: Release): Released | undefined {
  const refused = { id, command, state: 'active' }
  const held = turn.queue.active.get(id)
  const job = held ?? findJob(turn, id)
  if (job === undefined) throw refusal(JOB_MISSING, refused)
  unlock(turn, id, token, refused)
  if (held !== undefined) return { ...held, id, state: ACTIVE }
  setFields(turn, { n: job.n, id }, fields)
  return undefined
}

function unlock(turn: Turn, id: string, token: string, refused: Refused): void {
  if (token === '0') return
  const lock = lockOf(turn.queue, id, turn.now)
  if (lock === undefined) throw refusal(LOCK_MISSING, refused)
  if (lock.token !== token) throw refusal(LOCK_MISMATCH, refused)
  turn.lock(id, undefined)
}
