/** Jobs in the tables: found by id, put in their places, told as BullMQ's JobJson, removed with all that belongs to them. */
import type { JobJson, JobsOptions } from 'bullmq'
import { lockOf, numberOf } from './queue.ts'
import { ACTIVE, PRIORITIZED, type State, WAIT } from './schema.ts'
import type { Turn } from './turn.ts'
import { textIn, textOut } from './words.ts'

/** The narrow row. `made` and `begun` count attempts. */
export interface JobRow {
  readonly n: number
  readonly state: State
  readonly a: number | null
  readonly id: string
  readonly ts: number
  readonly delay: number
  readonly prio: number
  readonly made: number
  readonly begun: number
  readonly stalls: number
  readonly orphan: number | null
  readonly started: number | null
  readonly worker: string | null
  readonly logs: number
}

export interface WholeRow extends JobRow {
  /** Text, or its bytes: see words.ts. */
  readonly name: string | Uint8Array
  readonly data: string
  readonly opts: string
  /** Whether there is a row in `more`. */
  readonly more: number | null
  readonly progress: string | null
  readonly returnvalue: string | null
  readonly failedReason: string | Uint8Array | null
  readonly stacktrace: string | null
  readonly deferred: string | null
}

const narrow = 'n, state, a, id, ts, delay, prio, made, begun, stalls, orphan, started, worker, logs'
const whole = `SELECT job.n, state, a, id, ts, delay, prio, made, begun, stalls, orphan, started, worker, logs, name, data, opts,
  more.n AS more, progress, returnvalue, failedReason, stacktrace, deferred FROM job JOIN body ON body.n = job.n LEFT JOIN more ON more.n = job.n`

const byNumber = `SELECT ${narrow} FROM job WHERE n = ?`
const byOwnId = `SELECT ${narrow} FROM job WHERE q = ? AND id = ? AND own = 1`
const wholeByNumber = `${whole} WHERE job.n = ?`
const wholeByOwnId = `${whole} WHERE q = ? AND id = ? AND own = 1`
const wholeFirst = {
  [WAIT]: `${whole} WHERE q = ? AND state = ${WAIT} AND a IS NOT NULL ORDER BY a LIMIT 1`,
  [PRIORITIZED]: `${whole} WHERE q = ? AND state = ${PRIORITIZED} AND a IS NOT NULL ORDER BY a, b, id LIMIT 1`,
}

export function findJob({ sql, queue }: Turn, id: string): JobRow | undefined {
  const n = numberOf(queue, id)
  const given = n === undefined ? undefined : (sql.get(byNumber, n) as JobRow | undefined)
  if (given?.id === id) return given
  return sql.get(byOwnId, queue.q, id) as JobRow | undefined
}

export function findWhole({ sql, queue }: Turn, id: string): WholeRow | undefined {
  const n = numberOf(queue, id)
  const given = n === undefined ? undefined : (sql.get(wholeByNumber, n) as WholeRow | undefined)
  if (given?.id === id) return given
  return sql.get(wholeByOwnId, queue.q, id) as WholeRow | undefined
}

/** The first in line. */
export function firstJob({ sql, queue }: Turn, state: typeof WAIT | typeof PRIORITIZED): WholeRow | undefined {
  return sql.get(wholeFirst[state], queue.q) as WholeRow | undefined
}

/** What can be claimed lies in one of two lines: those of priority 0 first. */
export interface Place {
  readonly state: State
  readonly a: number
  readonly b: number | null
}

export function placeInLine({ queue }: Turn, priority: number, end: 'front' | 'back'): Place {
  if (priority !== 0) {
    if (end === 'front') return { state: PRIORITIZED, a: priority, b: 0 }
    queue.newestPlace += 1
    return { state: PRIORITIZED, a: priority, b: queue.newestPlace }
  }
  if (end === 'front') {
    queue.front -= 1
    return { state: WAIT, a: queue.front, b: null }
  }
  queue.back += 1
  return { state: WAIT, a: queue.back, b: null }
}

/** It is somewhere else now. */
export function put(turn: Turn, { n, id, state }: Pick<JobRow, 'n' | 'id' | 'state'>, place: Place): void {
  turn.sql.run('UPDATE job SET state = ?, a = ?, b = ? WHERE n = ?', place.state, place.a, place.b, n)
  if (state === ACTIVE) turn.letGo(id)
  turn.move(state, place.state)
}

export type MoreField = 'progress' | 'returnvalue' | 'failedReason' | 'stacktrace' | 'deferred'

const setters: Record<MoreField, string> = {
  progress: 'INSERT INTO more (n, progress) VALUES (?, ?) ON CONFLICT DO UPDATE SET progress = excluded.progress',
  returnvalue: 'INSERT INTO more (n, returnvalue) VALUES (?, ?) ON CONFLICT DO UPDATE SET returnvalue = excluded.returnvalue',
  failedReason: 'INSERT INTO more (n, failedReason) VALUES (?, ?) ON CONFLICT DO UPDATE SET failedReason = excluded.failedReason',
  stacktrace: 'INSERT INTO more (n, stacktrace) VALUES (?, ?) ON CONFLICT DO UPDATE SET stacktrace = excluded.stacktrace',
  deferred: 'INSERT INTO more (n, deferred) VALUES (?, ?) ON CONFLICT DO UPDATE SET deferred = excluded.deferred',
}

/** Sets what most jobs never have. */
export function setMore({ sql, queue }: Turn, { n, id }: Pick<JobRow, 'n' | 'id'>, field: MoreField, value: string): void {
  sql.run(setters[field], n, textIn(value))
  const held = queue.active.get(id)
  if (held !== undefined) held.hasMore = true
}

/** The fields that an attempt that failed leaves behind. Others that BullMQ names are of no use to anyone who reads. */
export function setFields(turn: Turn, job: Pick<JobRow, 'n' | 'id'>, fields: Record<string, unknown> | undefined): void {
  for (const field of ['failedReason', 'stacktrace'] as const) if (fields?.[field] !== undefined) setMore(turn, job, field, String(fields[field]))
}

export function toJson(row: WholeRow): JobJson {
  const json: Partial<JobJson> = {
    id: row.id,
    name: textOut(row.name),
    data: row.data || '{}',
    opts: JSON.parse(row.opts) as JobsOptions,
    progress: row.progress === null ? 0 : JSON.parse(row.progress),
    delay: Math.trunc(row.delay),
    priority: Math.trunc(row.prio),
    timestamp: Math.trunc(row.ts),
    attemptsStarted: row.begun,
    attemptsMade: row.made,
    stalledCounter: row.stalls,
  }
  if (row.state > 3 && row.a !== null) json.finishedOn = row.a
  if (row.started !== null) json.processedOn = row.started
  if (row.failedReason !== null) json.failedReason = textOut(row.failedReason)
  if (row.deferred !== null) json.deferredFailure = row.deferred
  if (row.stacktrace !== null) json.stacktrace = row.stacktrace
  if (row.returnvalue !== null) json.returnvalue = row.returnvalue
  if (row.worker !== null) json.processedBy = row.worker
  // A job that has not failed or returned has no such fields, though the type says so.
  return json as JobJson
}

/** All of it is gone, in whatever state. No event. */
export function removeJob(turn: Turn, { n, id, state }: Pick<JobRow, 'n' | 'id' | 'state'>, has = { hasMore: true, hasLogs: true }): void {
  const { sql, litter } = turn
  sql.run('DELETE FROM job WHERE n = ?', n)
  if (has.hasMore) sql.run('DELETE FROM more WHERE n = ?', n)
  if (has.hasLogs) sql.run('DELETE FROM log WHERE n = ?', n)
  litter.drop(sql, n)
  if (state === ACTIVE) turn.letGo(id)
  turn.move(state, undefined)
}

export function isLocked({ queue, now }: Turn, id: string): boolean {
  return lockOf(queue, id, now) !== undefined
}
