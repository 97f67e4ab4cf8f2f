/**
 * Jobs whose worker has gone quiet. Two looks find them: what the first saw active and the second finds neither renewed nor locked is
 * stalled. (Those of a process that ended need no look: see recovering.ts.)
 */
import type { IQueueBackend } from 'bullmq'
import type { Access, BackendOptions } from './access.ts'
import { stalledTooOften } from './claiming.ts'
import { findJob, isLocked, placeInLine, put, setMore } from './jobs.ts'
import type { Turn } from './turn.ts'

export function stalled({ run, options }: Access): Pick<IQueueBackend, 'moveStalledJobsToWait'> {
  return {
    moveStalledJobsToWait: () => run((turn) => [...orphans(turn), ...look(turn, options)]),
  }
}

/** What was found at open is told once, to the first worker that looks. */
function orphans({ queue, sql }: Turn): string[] {
  const found = queue.orphans
  if (found.length === 0) return []
  queue.orphans = []
  sql.undo(() => {
    queue.orphans = found
  })
  return found
}

function look(turn: Turn, { stalledInterval = 30_000, maxStalledCount = 1 }: BackendOptions): string[] {
  const { queue, now } = turn
  if (queue.nextLook > now) return []
  queue.nextLook = now + stalledInterval
  turn.maxEvents()
  const gone = inRedisOrder([...queue.suspects]).filter((id) => queue.active.has(id) && !isLocked(turn, id))
  for (const id of gone) requeue(turn, id, maxStalledCount)
  queue.suspects = new Set(queue.active.keys())
  for (const [id, { until }] of queue.locks) if (until <= now) queue.locks.delete(id)
  return gone
}

/** As in BullMQ it goes in front of all, whatever its priority. */
function requeue(turn: Turn, id: string, maxStalledCount: number): void {
  const job = findJob(turn, id)
  if (job === undefined) return
  turn.sql.run('UPDATE job SET stalls = stalls + 1 WHERE n = ?', job.n)
  if (job.stalls + 1 > maxStalledCount) setMore(turn, job, 'deferred', stalledTooOften)
  put(turn, job, placeInLine(turn, 0, 'front'))
  turn.say('waiting', id, 'active')
  turn.say('stalled', id)
}

/** Redis keeps a set of whole numbers in their order. Of other sets it promises none: they stay in the order of claims. */
function inRedisOrder(ids: string[]): string[] {
  return ids.every((id) => /^\d{1,15}$/.test(id)) ? ids.sort((one, other) => Number(one) - Number(other)) : ids
}
