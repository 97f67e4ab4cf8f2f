/**
 * A process that owns a queue file, for tests that kill it, delay its disk or watch its calls. Argument: a `Task` as JSON. It says
 * one line for each thing that happened, at once: `+ID` a row is acknowledged, `~ID` its removal begins, `-ID` it is acknowledged.
 */
import { writeSync } from 'node:fs'
import { type FileOptions, openFile } from '../../../../agent/queue/sqlite/file.ts'
import { watchLoop } from './loop.ts'

export interface Task extends Pick<FileOptions, 'path' | 'durability' | 'maxLogPages'> {
  /** Rows that are added in all; then the file is closed. */
  readonly rows: number
  /** As many at a time. */
  readonly clients: number
  /** In a row. */
  readonly bytes: number
  /** Every n-th row is removed again. @default 0, none */
  readonly removes?: number
  /** Between the last row and the end. @default 0 (ms) */
  readonly lingerMs?: number
  /** The process ends like this, without closing the file. @default closes it */
  readonly end?: 'return' | 'exit'
}

export const schema = ['CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL)']

/** What a row holds: found again in what the process writes. */
export const textOf = (id: number, bytes: number) => `<row ${id}>`.padEnd(bytes, '.')

const say = (line: string) => writeSync(1, `${line}\n`)

async function run({ path, durability, maxLogPages, rows, clients, bytes, removes = 0, lingerMs = 0, end }: Task): Promise<void> {
  let file: ReturnType<typeof openFile>
  let next = 1
  try {
    file = openFile({
      path,
      schema,
      ...(durability && { durability }),
      ...(maxLogPages && { maxLogPages }),
      opened: (sql) => {
        next = Number(sql.get('SELECT coalesce(max(id), 0) + 1 AS next FROM t')?.next)
      },
      onNotice: ({ is }) => say(`notice ${is}`),
    })
  } catch (error) {
    return void say(`refused ${codeOf(error)}`)
  }
  say('open')
  const loop = watchLoop()
  const last = next + rows

  const client = async () => {
    while (next < last) {
      const id = next++
      try {
        await file.run((sql) => sql.run('INSERT INTO t VALUES (?, ?)', id, textOf(id, bytes)))
        say(`+${id}`)
        if (removes === 0 || id % removes !== 0) continue
        say(`~${id}`)
        await file.run((sql) => sql.run('DELETE FROM t WHERE id = ?', id))
        say(`-${id}`)
      } catch (error) {
        say(`failed ${id} ${codeOf(error)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  await new Promise((resolve) => setTimeout(resolve, lingerMs))
  if (end === 'exit') process.exit(0)
  if (end === 'return') return loop.stop()
  await file.close().catch((error) => say(`close ${codeOf(error)}`))
  // The last step is looked at, too.
  await new Promise((resolve) => setTimeout(resolve, 50))
  loop.stop()
  say(`blocked ${loop.longestMs}`)
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : String(error))

if (process.argv[2] !== undefined && import.meta.main !== false) await run(JSON.parse(process.argv[2]))
