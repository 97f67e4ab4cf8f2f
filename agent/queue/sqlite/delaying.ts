/** Jobs that wait for a time: put there, put in line when it has come or someone wants them sooner, put off again. */
import type { IQueueBackend } from 'bullmq'
import type { Access } from './access.ts'
import { JOB_MISSING, NOT_IN_STATE, refusal } from './codes.ts'
import { findJob, type JobRow, type Place, placeInLine, put } from './jobs.ts'
import { finite } from './numbers.ts'
import { DELAYED } from './schema.ts'
import type { Turn } from './turn.ts'

/** So many at most are put in line by one claim, as in BullMQ. */
const promotedAtOnce = 1000
/** Jobs of one millisecond are told apart so far, as in BullMQ: the rest goes by id. */
const maxPlace = 4095

export function delaying({ run }: Access): Pick<IQueueBackend, 'promote' | 'promoteJobs' | 'changeDelay'> {
  return {
    promote: (jobId) => run((turn) => promote(turn, jobId)),
    promoteJobs: (count = 1000) => run((turn) => promoteMany(turn, count)),
    async changeDelay(jobId, delay) {
      if (Number.isNaN(Number(delay))) finite('delay', Number(delay))
      return run((turn) => changeDelay(turn, jobId, Number(delay)))
    },
  }
}

const latestAt = `SELECT b FROM job WHERE q = ? AND state = ${DELAYED} AND a = ? ORDER BY b DESC LIMIT 1`

/** The place of a job that is due at this time: after those that are due at the same. */
export function placeAt({ sql, queue }: Turn, time: number): Place {
  // Due is due for all of a millisecond: a part of one would make whoever waits for it look again and again.
  const due = Math.floor(time)
  const latest = queue.counts[DELAYED] === 0 ? undefined : sql.get(latestAt, queue.q, due)
  return { state: DELAYED, a: due, b: latest === undefined ? 0 : Math.min(maxPlace, Number(latest.b) + 1) }
}

const firstDue = `SELECT n, state, a, id, prio FROM job WHERE q = ? AND state = ${DELAYED} AND a <= ? ORDER BY a, b, id LIMIT ${promotedAtOnce}`
const nextDue = `SELECT a FROM job WHERE q = ? AND state = ${DELAYED} AND a IS NOT NULL ORDER BY a LIMIT 1`

/** What is due goes in line. Afterwards the queue knows when to look again. */
export function promoteDue(turn: Turn): void {
  const { sql, queue, now } = turn
  if (queue.counts[DELAYED] === 0 || (queue.due !== undefined && queue.due > now)) return
  for (const row of sql.all(firstDue, queue.q, now)) {
    lineUp(turn, { n: Number(row.n), id: String(row.id), prio: Number(row.prio) })
  }
  dueNext(turn)
}

/** When the next one is due, in truth: what the queue knows may be that of a job that is gone. */
export function dueNext({ sql, queue }: Turn): number | undefined {
  const next = queue.counts[DELAYED] === 0 ? undefined : sql.get(nextDue, queue.q)
  queue.due = next === undefined ? undefined : Number(next.a)
  sql.undo(() => {
    queue.due = undefined
  })
  return queue.due
}

function promote(turn: Turn, id: string): void {
  const job = findJob(turn, id)
  if (job?.state !== DELAYED) throw refusal(NOT_IN_STATE, { id, command: 'promote', state: 'delayed' })
  lineUp(turn, job)
}

function lineUp(turn: Turn, { n, id, prio }: Pick<JobRow, 'n' | 'id' | 'prio'>): void {
  const place = placeInLine(turn, prio, 'back')
  turn.sql.run('UPDATE job SET state = ?, a = ?, b = ?, delay = 0 WHERE n = ?', place.state, place.a, place.b, n)
  turn.move(DELAYED, place.state)
  turn.say('waiting', id, 'delayed')
}

/** As in BullMQ, all go to the line of priority 0. */
function promoteMany(turn: Turn, count: number): number {
  const { sql, queue } = turn
  const most = Math.min(count, promotedAtOnce)
  const rows = sql.all(`SELECT n, id FROM job WHERE q = ? AND state = ${DELAYED} AND a IS NOT NULL ORDER BY a, b, id LIMIT ?`, queue.q, most)
  if (rows.length > 0) turn.maxEvents()
  for (const { n, id } of rows) {
    turn.say('waiting', String(id), 'delayed')
    put(turn, { n: Number(n), id: String(id), state: DELAYED }, placeInLine(turn, 0, 'back'))
  }
  return rows.length >= most ? 1 : 0
}

function changeDelay(turn: Turn, id: string, delay: number): void {
  const { sql, now } = turn
  const refused = { id, command: 'changeDelay', state: 'delayed' }
  const job = findJob(turn, id)
  if (job === undefined) throw refusal(JOB_MISSING, refused)
  if (job.state !== DELAYED) throw refusal(NOT_IN_STATE, refused)
  const due = delay > 0 ? now + delay : now
  const place = placeAt(turn, due)
  sql.run('UPDATE job SET delay = ?, a = ?, b = ? WHERE n = ?', delay, place.a, place.b, job.n)
  turn.delayed(due)
  turn.maxEvents()
  turn.say('delayed', id, String(due))
}
