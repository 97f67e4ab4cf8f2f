/**
 * Group commit: operations that wait share one transaction. One that throws is rolled back alone, to its SAVEPOINT; when the
 * COMMIT fails, or SQLite gave the transaction up, all are rolled back and rejected.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Desk, Doings, Sql } from './sql.ts'

/** A transaction takes no more operations after this time, so that the event loop is free again soon. @default 10 (ms) */
const maxMs = 10

/** An operation that waits for its turn. */
export interface Waiting {
  readonly operation: (sql: Sql) => unknown
  resolve(value: never): void
  reject(reason: unknown): void
}

/** Operations that were committed together, to be settled once that is allowed. */
export interface Batch {
  /** Whether pages were changed: only then there is something to sync. */
  readonly wrote: boolean
  settle(): void
  /** Committed, but it is not known whether the disk has it. */
  doubt(reason: unknown): void
}

/** Takes operations from the head of `queue` and commits them; undefined when all of them were rejected with `failed(cause)`. */
export function commitBatch(db: DatabaseSync, desk: Desk, queue: Waiting[], failed: (cause: unknown) => unknown): Batch | undefined {
  const done: { waiting: Waiting; doings: Doings; outcome: Outcome }[] = []
  const began = performance.now()
  let taken = 0
  try {
    db.exec('BEGIN')
    for (const waiting of queue) {
      taken += 1
      const doings: Doings = { after: [], undo: [], wrote: false }
      done.push({ waiting, doings, outcome: runOne(db, desk, waiting.operation, doings, queue.length > 1) })
      if (!db.isTransaction) throw lastError(done)
      if (performance.now() - began > maxMs) break
    }
    db.exec('COMMIT')
    queue.splice(0, taken)
  } catch (cause) {
    if (db.isTransaction) db.exec('ROLLBACK')
    for (const { doings } of done.reverse()) undoAll(doings)
    const reason = failed(cause)
    for (const { reject } of queue.splice(0, Math.max(taken, 1))) reject(reason)
    return undefined
  }

  const tell = (doubt?: { reason: unknown }) => {
    for (const { doings } of done) for (const effect of doings.after) effectAlone(effect)
    for (const { waiting, outcome } of done) {
      if (outcome.is === 'thrown') waiting.reject(outcome.reason)
      else if (doubt !== undefined) waiting.reject(doubt.reason)
      else waiting.resolve(outcome.value as never)
    }
  }
  return {
    wrote: done.some(({ doings }) => doings.wrote),
    settle: () => tell(),
    doubt: (reason) => tell({ reason }),
  }
}

type Outcome = { is: 'value'; value: unknown } | { is: 'thrown'; reason: unknown }

function runOne(db: DatabaseSync, desk: Desk, operation: (sql: Sql) => unknown, doings: Doings, shared: boolean): Outcome {
  let saved = false
  const save = () => {
    if (shared) db.exec('SAVEPOINT operation')
    saved = true
  }
  try {
    const value = desk.during(doings, operation, save)
    if (saved && shared) db.exec('RELEASE operation')
    return { is: 'value', value }
  } catch (reason) {
    if (saved && db.isTransaction) db.exec(shared ? 'ROLLBACK TO operation; RELEASE operation' : 'ROLLBACK; BEGIN')
    undoAll(doings)
    return { is: 'thrown', reason }
  }
}

function undoAll(doings: Doings): void {
  doings.after.length = 0
  doings.wrote = false
  for (const effect of doings.undo.splice(0).reverse()) effectAlone(effect)
}

/** An effect that throws is a fault of the program: it is thrown where nobody else is hurt. */
function effectAlone(effect: () => void): void {
  try {
    effect()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

function lastError(done: readonly { outcome: Outcome }[]): unknown {
  const outcome = done.at(-1)?.outcome
  return outcome?.is === 'thrown' ? outcome.reason : new Error('The transaction was ended by an operation')
}
