/** A worker gives back what it holds: only whoever has the lock may. */
import { JOB_MISSING, LOCK_MISMATCH, LOCK_MISSING, NOT_IN_STATE, refusal } from './codes.ts'
import { findJob } from './jobs.ts'
import { type Held, heldLock } from './queue.ts'
import { ACTIVE } from './schema.ts'
import type { Turn } from './turn.ts'

export interface Released extends Held {
  readonly id: string
  readonly state: typeof ACTIVE
}

/** The active job that the token locks; the token '0' locks nothing and opens all. @throws -1, -2, -3, -6 as BullMQ's scripts */
export function release(turn: Turn, id: string, { token, command }: { token: string; command: string }): Released {
  const { queue, now } = turn
  const refused = { id, command, state: 'active' }
  const held = queue.active.get(id)
  if (held === undefined && findJob(turn, id) === undefined) throw refusal(JOB_MISSING, refused)
  if (token !== '0') {
    const lock = heldLock(held, now)
    if (lock === undefined) throw refusal(LOCK_MISSING, refused)
    if (lock.token !== token) throw refusal(LOCK_MISMATCH, refused)
  }
  if (held === undefined) throw refusal(NOT_IN_STATE, refused)
  return { ...held, id, state: ACTIVE }
}
