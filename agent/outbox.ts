/**
 * Results that no coordinator has noted yet. Each is written to a log before it is sent, and leaves when the coordinator says
 * that its journal holds it; so a killed process, on either side, loses no finished work. Not synced: a power cut costs a second run.
 */
import type { NodeId, Term } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import { openLog, type RecordLog } from '../src/core/record-log.ts'
import { idOf } from './held.ts'
import type { Sender } from './sender.ts'

/** Results kept at once; a node with so many takes nothing new. @default 4_096 */
export const maxResults = 4_096

export interface Result {
  readonly coordinator: NodeId
  readonly job: string
  readonly term: Term
  readonly task: string
  readonly attempt: number
  readonly result: Uint8Array
  readonly ms: number
}

export interface Outbox {
  /** Resolves when it is written and on its way. */
  put(result: Result): Promise<void>
  /** Its coordinator holds it, or wants it no more: the word of another counts for nothing. */
  noted(id: string, by: NodeId): void
  /** Sends one result again; false where there is none. */
  sendAgain(id: string): boolean
  of(coordinator: NodeId): Result[]
  coordinators(): Set<NodeId>
  closeJob(job: string, by: NodeId): void
  readonly size: number
  close(): Promise<void>
}

type Entry = { readonly is: 'put'; readonly result: Result } | { readonly is: 'noted'; readonly id: string }

export async function openOutbox({ path, sender, log }: { readonly path: string; readonly sender: Sender; readonly log: Log }): Promise<Outbox> {
  const results = new Map<string, Result>()
  const file: RecordLog = await openLog(path, {
    read: (record) => {
      // Our own file, checksummed: its records are what `write` below put there.
      const entry = record as Entry
      if (entry.is === 'put') results.set(idOf(entry.result), entry.result)
      else results.delete(entry.id)
    },
  })
  await file.rewrite([...results.values()].map((result): Entry => ({ is: 'put', result })))

  // Without its log an outbox is as good as its process: said, and gone on with.
  const write = (entry: Entry, now = false) => file.append(entry, { sync: false, now }).catch((error) => log.error({ err: error }, 'outbox not written'))

  const remove = (id: string) => {
    if (results.delete(id)) void write({ is: 'noted', id })
    if (results.size === 0 && file.bytes > 1 << 20) file.rewrite([]).catch((error) => log.error({ err: error }, 'outbox not rewritten'))
  }

  const send = ({ coordinator, job, term, task, attempt, result, ms }: Result) =>
    sender.tell(coordinator, 'task.done', { job, term }, { task, attempt, term, result, ms })

  return {
    async put(result) {
      results.set(idOf(result), result)
      await write({ is: 'put', result }, true)
      // It may have been noted, or its job closed, meanwhile.
      if (results.has(idOf(result))) send(result)
    },
    noted(id, by) {
      if (results.get(id)?.coordinator === by) remove(id)
    },
    sendAgain(id) {
      const result = results.get(id)
      if (result !== undefined) send(result)
      return result !== undefined
    },
    of: (coordinator) => [...results.values()].filter((result) => result.coordinator === coordinator),
    coordinators: () => new Set([...results.values()].map((result) => result.coordinator)),
    closeJob(job, by) {
      for (const [id, result] of results) if (result.job === job && result.coordinator === by) remove(id)
    },
    get size() {
      return results.size
    },
    close: () => file.close(),
  }
}
