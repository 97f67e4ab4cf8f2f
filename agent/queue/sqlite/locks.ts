/** Locks say which worker holds a job, and until when. They are in memory: the process that ends takes its workers along. */
import type { IQueueBackend } from 'bullmq'
import type { Access } from './access.ts'
import { lockOf } from './queue.ts'
import type { Turn } from './turn.ts'

export function locks({ run }: Access): Pick<IQueueBackend, 'extendLock' | 'extendLocks'> {
  return {
    extendLock: (jobId, token, duration) => run((turn) => (extend(turn, jobId, token, duration) ? 1 : 0)),
    extendLocks: (jobIds, tokens, duration) => run((turn) => jobIds.filter((id, index) => !extend(turn, id, tokens[index], duration))),
  }
}

function extend(turn: Turn, id: string, token: string | undefined, durationMs: number): boolean {
  const { queue, now } = turn
  if (token === undefined || lockOf(queue, id, now)?.token !== token) return false
  turn.lock(id, { token, until: now + durationMs })
  queue.suspects.delete(id)
  return true
}
