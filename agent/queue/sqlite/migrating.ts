/** Whether a database has the tables that its version says. Nobody but this program makes them, so what lacks one is damaged. */
import type { DatabaseSync } from 'node:sqlite'
import { SqliteQueueError } from './errors.ts'

/** @throws SqliteQueueError CORRUPT */
export function checkSchema(db: DatabaseSync, path: string, schema: readonly string[]): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.user_version)
  // A newer one is refused when it is opened.
  if (version > schema.length) return
  const found = tablesOf(db)
  const missing = version < 0 ? ['a version'] : [...tablesAt(schema.slice(0, version))].filter((table) => !found.has(table))
  const surplus = version === 0 ? [...found] : []
  if (missing.length + surplus.length === 0) return
  const what = missing.length > 0 ? `lacks ${missing.join(', ')}` : `has tables, and no version`
  throw new SqliteQueueError('CORRUPT', `The queue file ${path} is damaged (it ${what})`)
}

function tablesAt(migrations: readonly string[]): Set<string> {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const model = new DatabaseSync(':memory:')
  for (const migration of migrations) model.exec(migration)
  const tables = tablesOf(model)
  model.close()
  return tables
}

function tablesOf(db: DatabaseSync): Set<string> {
  const rows = db.prepare("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").all()
  return new Set(rows.map(({ name }) => String(name)))
}
