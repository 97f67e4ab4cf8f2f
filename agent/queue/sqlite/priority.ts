/** A job in line goes to another place in it. */
import type { IQueueBackend } from 'bullmq'
import type { Access } from './access.ts'
import { JOB_MISSING, refusal } from './codes.ts'
import { findJob, placeInLine, put } from './jobs.ts'
import { finite } from './numbers.ts'
import { PRIORITIZED, WAIT } from './schema.ts'
import type { Turn } from './turn.ts'

export function priority({ run }: Access): Pick<IQueueBackend, 'changePriority'> {
  return {
    async changePriority(jobId, to = 0, lifo = false) {
      finite('priority', to)
      return run((turn) => change(turn, jobId, to, lifo))
    },
  }
}

/** Of a job that is not in line, only the number changes: it counts at its next turn. */
function change(turn: Turn, id: string, to: number, lifo: boolean): void {
  const job = findJob(turn, id)
  if (job === undefined) throw refusal(JOB_MISSING, { id, command: 'changePriority' })
  turn.sql.run('UPDATE job SET prio = ? WHERE n = ?', to, job.n)
  const held = turn.queue.active.get(id)
  if (held !== undefined) {
    held.prio = to
    turn.sql.undo(() => {
      held.prio = job.prio
    })
  }
  if (job.state === WAIT || job.state === PRIORITIZED) put(turn, job, placeInLine(turn, to, lifo ? 'front' : 'back'))
}
