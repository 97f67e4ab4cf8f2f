/**
 * Group commit: operations that wait share one transaction. One that throws is rolled back alone, to its savepoint; when the
 * COMMIT fails, or SQLite has given the transaction up, all are rolled back and rejected.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Desk, Doings, Effect, Sql } from './sql.ts'

/** A transaction takes no more operations after this time, so that the event loop is free again soon. @default 10 (ms) */
const maxMs = 10

/** An operation that waits for its turn. */
export interface Waiting {
  readonly operation: (sql: Sql) => unknown
  resolve(value: unknown): void
  reject(reason: unknown): void
}

/** Operations that were committed together, to be settled once that is allowed. */
export interface Batch {
  /** Rows, or so: with 0 there is nothing to sync. */
  readonly changes: number
  /** An operation was undone that had written: it may have left frames in the log. */
  readonly hasUndone: boolean
  settle(): void
  /** Committed, so its effects are true in this process; but the disk may not have it, so its promises are rejected. */
  doubt(reason: unknown): void
}

export interface Committer {
  /** Commits from the head of the queue. Undefined when all that was taken has been rolled back and rejected. */
  commit(queue: Waiting[]): Batch | undefined
}

interface Done {
  readonly waiting: Waiting
  readonly doings: Doings
  readonly isUndone: boolean
  readonly outcome: { is: 'value'; value: unknown } | { is: 'thrown'; reason: unknown }
}

export interface Naming {
  /** What one operation threw, as it is told. */
  named(cause: unknown): unknown
  /** Why all was rolled back, as it is told. */
  failed(cause: unknown): unknown
}

export function createCommitter(db: DatabaseSync, desk: Desk, { named, failed }: Naming): Committer {
  const say = (text: string) => {
    const statement = db.prepare(text)
    return () => statement.run()
  }
  const begin = say('BEGIN')
  const commit = say('COMMIT')
  const rollback = say('ROLLBACK')
  const save = say('SAVEPOINT operation')
  const keep = say('RELEASE operation')
  const undo = say('ROLLBACK TO operation')

  /** Most operations that throw have written nothing, and a lone one has the transaction for itself: neither needs a savepoint. */
  const runOne = (waiting: Waiting, isAlone: boolean): Done => {
    const doings: Doings = { after: [], undo: [], changes: 0 }
    let isSaved = false
    const beforeWrite = () => {
      if (!isAlone) save()
      isSaved = true
    }
    try {
      const value = desk.during(doings, waiting.operation, beforeWrite)
      if (isSaved && !isAlone) keep()
      return { waiting, doings, isUndone: false, outcome: { is: 'value', value } }
    } catch (reason) {
      if (isSaved && db.isTransaction) {
        if (isAlone) {
          rollback()
          begin()
        } else {
          undo()
          keep()
        }
      }
      undoInMemory(doings)
      return { waiting, doings, isUndone: isSaved, outcome: { is: 'thrown', reason: named(reason) } }
    }
  }

  return {
    commit(queue) {
      const done: Done[] = []
      const isAlone = queue.length === 1
      try {
        begin()
        const began = performance.now()
        for (const waiting of queue) {
          const one = runOne(waiting, isAlone)
          done.push(one)
          // SQLite itself rolls all back when, for instance, the disk is full.
          if (!db.isTransaction) throw one.outcome.is === 'thrown' ? one.outcome.reason : new Error('An operation ended the transaction')
          if (performance.now() - began > maxMs) break
        }
        commit()
      } catch (cause) {
        if (db.isTransaction) rollback()
        for (const { doings } of done.toReversed()) undoInMemory(doings)
        const reason = failed(cause)
        for (const { reject } of queue.splice(0, Math.max(done.length, 1))) reject(reason)
        return undefined
      }
      queue.splice(0, done.length)
      return batchOf(done)
    },
  }
}

function batchOf(done: readonly Done[]): Batch {
  const tell = (settle: (waiting: Waiting, value: unknown) => void) => {
    for (const { doings } of done) for (const effect of doings.after) alone(effect)
    for (const { waiting, outcome } of done) {
      if (outcome.is === 'thrown') waiting.reject(outcome.reason)
      else settle(waiting, outcome.value)
    }
  }
  return {
    changes: done.reduce((sum, { doings }) => sum + doings.changes, 0),
    hasUndone: done.some(({ isUndone }) => isUndone),
    settle: () => tell((waiting, value) => waiting.resolve(value)),
    doubt: (reason) => tell((waiting) => waiting.reject(reason)),
  }
}

function undoInMemory(doings: Doings): void {
  doings.changes = 0
  doings.after.length = 0
  for (const effect of doings.undo.splice(0).reverse()) alone(effect)
}

/** An effect that throws is a fault of the program: it is thrown where it hurts no other operation. */
function alone(effect: Effect): void {
  try {
    effect()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
