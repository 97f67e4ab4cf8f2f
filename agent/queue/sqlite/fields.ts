/** What a job says of itself while it runs, or someone says of it: data, progress, lines of its log. */
import type { IQueueBackend } from 'bullmq'
import type { Access } from './access.ts'
import { JOB_MISSING, refusal } from './codes.ts'
import { findJob, type JobRow, setMore } from './jobs.ts'
import { whole } from './numbers.ts'
import type { Turn } from './turn.ts'
import { textIn, textOut } from './words.ts'

type Part = Pick<IQueueBackend, 'updateData' | 'updateProgress' | 'addLog' | 'clearLogs' | 'getJobLogs'>

export function fields({ run }: Access): Part {
  return {
    async updateData(job, data) {
      const json = JSON.stringify(data) ?? ''
      return run((turn) => {
        const { n } = mustFind(turn, job.id ?? '', 'updateData')
        turn.sql.run('UPDATE body SET data = ? WHERE n = ?', json, n)
      })
    },
    async updateProgress(jobId, progress) {
      const json = JSON.stringify(progress) ?? 'null'
      return run((turn) => {
        setMore(turn, mustFind(turn, jobId, 'updateProgress'), 'progress', json)
        turn.maxEvents()
        turn.say('progress', jobId, json)
      })
    },
    async addLog(jobId, line, keepLogs) {
      // As BullMQ has it, NaN is as good as none given.
      const keep = whole('keepLogs', keepLogs || 0, 0)
      return run((turn) => addLine(turn, mustFind(turn, jobId, 'addLog'), line, keep))
    },
    async clearLogs(jobId, keepLogs) {
      const keep = whole('keepLogs', keepLogs || 0, 0)
      return run((turn) => {
        const job = findJob(turn, jobId)
        if (job !== undefined) keepNewest(turn, job, job.logs, keep)
      })
    },
    getJobLogs: (jobId, start, end, asc) =>
      run((turn) => {
        const job = findJob(turn, jobId)
        if (job === undefined) return { logs: [], count: 0 }
        const [from, to] = asc ? [start, end] : [-(end + 1), -(start + 1)]
        const range = rangeOf(job.logs, from, to)
        const lines = turn.sql
          .all('SELECT line FROM log WHERE n = ? ORDER BY i LIMIT ? OFFSET ?', job.n, range.count, range.offset)
          .map(({ line }) => textOut(line))
        return { logs: asc ? lines : lines.reverse(), count: job.logs }
      }),
  }
}

function mustFind(turn: Turn, id: string, command: string): JobRow {
  const job = findJob(turn, id)
  if (job === undefined) throw refusal(JOB_MISSING, { id, command })
  return job
}

function addLine(turn: Turn, job: JobRow, line: string, keep: number): number {
  const { sql, queue } = turn
  sql.run('INSERT INTO log (n, i, line) SELECT ?, coalesce(max(i), 0) + 1, ? FROM log WHERE n = ?', job.n, textIn(String(line)), job.n)
  const count = job.logs + 1
  sql.run('UPDATE job SET logs = ? WHERE n = ?', count, job.n)
  const held = queue.active.get(job.id)
  if (held !== undefined) held.hasLogs = true
  if (keep <= 0) return count
  keepNewest(turn, job, count, keep)
  return Math.min(keep, count)
}

function keepNewest({ sql }: Turn, { n }: JobRow, count: number, keep: number): void {
  if (count <= keep) return
  sql.run('DELETE FROM log WHERE n = ? AND i IN (SELECT i FROM log WHERE n = ? ORDER BY i LIMIT ?)', n, n, count - keep)
  sql.run('UPDATE job SET logs = ? WHERE n = ?', keep, n)
}

/** Which of `length` elements Redis means by `start` to `stop`, both counted from the end where negative. */
export function rangeOf(length: number, start: number, stop: number): { offset: number; count: number } {
  const from = start < 0 ? Math.max(length + start, 0) : start
  const to = Math.min(stop < 0 ? length + stop : stop, length - 1)
  return from > to ? { offset: 0, count: 0 } : { offset: from, count: to - from + 1 }
}
