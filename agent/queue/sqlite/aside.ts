/** Files that SQLite would remove or write over, and that are still needed. Damaged ones are kept under a name that says so, beside the new one: the newest few, so that they never fill the disk. */
import { copyFileSync, linkSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** @default 3 */
const maxKept = 3

/** The database and its log, so that tools can still open both. Returns the new path of the database. */
export function setAside(path: string): string {
  const kept = nameAside(path)
  for (const part of ['', '-wal']) if (sizeOf(`${path}${part}`) !== undefined) renameSync(`${path}${part}`, `${kept}${part}`)
  return kept
}

/** A copy of the log alone: the database goes on without it. Returns its path. */
export function copyLogAside(path: string): string {
  const kept = `${nameAside(path)}-wal`
  copyFileSync(`${path}-wal`, kept)
  return kept
}

/** A second name for the log, so that it outlives the close of the database, which SQLite believes to be on disk. */
export function keepLog(path: string): void {
  forgetKeptLog(path)
  linkSync(`${path}-wal`, `${path}-kept`)
}

/** The log that was kept has its own name again: after the close, or at the next open when the process died in between. */
export function takeBackLog(path: string): void {
  if (sizeOf(`${path}-kept`) !== undefined && sizeOf(`${path}-wal`) === undefined) renameSync(`${path}-kept`, `${path}-wal`)
}

export function forgetKeptLog(path: string): void {
  rmSync(`${path}-kept`, { force: true })
}

/** In bytes; undefined without such a file. */
export function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size
}

function nameAside(path: string): string {
  const folder = dirname(path)
  const prefix = `${basename(path)}.damaged-`
  const names = readdirSync(folder).filter((name) => name.startsWith(prefix))
  const older = [...new Set(names.map((name) => name.replace(/-wal$/, '')))].sort()
  for (const name of older.slice(0, Math.max(0, older.length - maxKept + 1))) {
    for (const part of ['', '-wal']) rmSync(join(folder, `${name}${part}`), { force: true })
  }
  // Names in order of time.
  return join(folder, prefix + new Date().toISOString().replace(/[-:.]/g, ''))
}
