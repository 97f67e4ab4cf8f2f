/** What an operation may do with the database. Statements are prepared once per text; all is synchronous, within one transaction. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'

/** Prepared statements kept. A backend has a fixed set of texts: more would mean that values are written into texts. @default 256 */
const maxStatements = 256

export type Row = Record<string, SQLOutputValue>
export type Effect = () => void

export interface Sql {
  get(text: string, ...values: SQLInputValue[]): Row | undefined
  all(text: string, ...values: SQLInputValue[]): Row[]
  run(text: string, ...values: SQLInputValue[]): { changes: number; lastInsertRowid: number }
  /** Called after the COMMIT ('full': and its sync), in order, before the promises resolve; never when rolled back. */
  after(effect: Effect): void
  /** Called when the operation or its batch is rolled back, last first: for state kept in memory. */
  undo(effect: Effect): void
}

/** What one operation has done so far. */
export interface Doings {
  readonly after: Effect[]
  readonly undo: Effect[]
  /** Rows, or so, and pages of 512 bytes in long values: more than 0 when pages were changed. */
  changes: number
}

export interface Desk {
  readonly sql: Sql
  /** Runs an operation; `beforeWrite` is called once, before the first statement that may write. */
  during<T>(doings: Doings, operation: (sql: Sql) => T, beforeWrite: () => void): T
}

type Verb = 'reads' | 'changes rows' | 'writes'

export function createDesk(db: DatabaseSync): Desk {
  const statements = new Map<string, { statement: StatementSync; verb: Verb }>()
  let current: { doings: Doings; beforeWrite: (() => void) | undefined } | undefined

  const prepared = (text: string) => {
    const known = statements.get(text)
    if (known !== undefined) return known
    const made = { statement: db.prepare(text), verb: verbOf(text) }
    for (const oldest of statements.keys()) {
      if (statements.size < maxStatements) break
      statements.delete(oldest)
    }
    statements.set(text, made)
    return made
  }

  const present = () => {
    if (current === undefined) throw new Error('An operation used its `sql` after it had returned')
    return current
  }

  /** The statement, made ready to run in the present operation. */
  const begin = (text: string) => {
    const now = present()
    const { statement, verb } = prepared(text)
    if (verb !== 'reads') {
      now.beforeWrite?.()
      now.beforeWrite = undefined
      if (verb === 'writes') now.doings.changes += 1
    }
    return { statement, verb, doings: now.doings }
  }

  const sql: Sql = {
    get(text, ...values) {
      const { statement, verb, doings } = begin(text)
      const row = statement.get(...values)
      if (row !== undefined && verb !== 'reads') doings.changes += 1
      return row
    },
    all(text, ...values) {
      const { statement, verb, doings } = begin(text)
      const rows = statement.all(...values)
      if (verb !== 'reads') doings.changes += rows.length
      return rows
    },
    run(text, ...values) {
      const { statement, doings } = begin(text)
      const { changes, lastInsertRowid } = statement.run(...values)
      doings.changes += Number(changes)
      if (changes > 0) for (const value of values) if (typeof value === 'string') doings.changes += value.length >> 9
      return { changes: Number(changes), lastInsertRowid: Number(lastInsertRowid) }
    },
    after(effect) {
      present().doings.after.push(effect)
    },
    undo(effect) {
      present().doings.undo.push(effect)
    },
  }

  return {
    sql,
    during(doings, operation, beforeWrite) {
      current = { doings, beforeWrite }
      try {
        return operation(sql)
      } finally {
        current = undefined
      }
    },
  }
}

function verbOf(text: string): Verb {
  const word = /^\s*([a-z]+)/i.exec(text)?.[1]?.toLowerCase() ?? ''
  if (word === 'select') return 'reads'
  return ['insert', 'update', 'delete', 'replace', 'with'].includes(word) ? 'changes rows' : 'writes'
}
