/** What a child has said of its rows, and whether a file holds it. */
import type { QueueFile } from '../../../../agent/queue/sqlite/file.ts'
import { textOf } from './child.ts'

export interface Rows {
  /** Acknowledged, and their removal has not begun. */
  readonly added: Set<number>
  /** Removal acknowledged. */
  readonly removed: Set<number>
}

export function createRows(): Rows & { heard(line: string): void } {
  const added = new Set<number>()
  const removed = new Set<number>()
  return {
    added,
    removed,
    heard(line) {
      const id = Number(line.slice(1))
      if (line.startsWith('+')) added.add(id)
      else if (line.startsWith('~')) added.delete(id)
      else if (line.startsWith('-')) removed.add(id)
    },
  }
}

/** What is wrong with the file: rows that were acknowledged and are not there, removed ones that are, and damaged ones. */
export async function faults(file: QueueFile, { added, removed }: Rows): Promise<string[]> {
  const found = new Map((await file.run((sql) => sql.all('SELECT id, v FROM t'))).map(({ id, v }) => [Number(id), String(v)]))
  return [
    ...[...added].filter((id) => !found.has(id)).map((id) => `row ${id} is lost`),
    ...[...removed].filter((id) => found.has(id)).map((id) => `row ${id} is back`),
    ...[...found].filter(([id, v]) => v !== textOf(id, v.length)).map(([id]) => `row ${id} is damaged`),
  ]
}
