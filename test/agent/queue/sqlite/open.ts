/** A backend for a test, closed at its end, a folder for it, and the file as a crash at this moment would leave it. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BackendClasses, type IQueueBackend, withBackend } from 'bullmq'
import type { Test } from 'tap'
import { createSqliteBackend, type SqliteBackendFactory } from '../../../../agent/queue/sqlite/backend.ts'

export interface Opened extends BackendClasses<IQueueBackend, unknown> {
  readonly factory: SqliteBackendFactory
  /** The backend itself, as Queue has it. */
  backend(name: string, options?: object): IQueueBackend
}

export function open(t: Pick<Test, 'teardown'>, path = ':memory:'): Opened {
  const factory = createSqliteBackend({ path })
  t.teardown(() => factory.close())
  return { ...withBackend(factory), factory, backend: (name, options = {}) => factory(name, { connection: {}, ...options }) }
}

/** A folder that is there until what was opened in it is closed. */
export function folder(t: Pick<Test, 'teardown'>): string {
  const path = mkdtempSync(join(tmpdir(), 'ipdc-sqlite-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** What is on the disk at this moment, under another name. */
export function crashCopy(from: string): string {
  const to = `${from}.crashed`
  for (const part of ['', '-wal']) if (existsSync(from + part)) copyFileSync(from + part, to + part)
  return to
}
