/**
 * How attempts ended, done or failed, while no coordinator has noted it. Each end is written to a log before it is sent, and leaves when the
 * coordinator says that its journal holds it; so a killed process, on either side, loses no finished work. Not synced: a power cut costs
 * a second run. That an attempt was ended from outside is not kept: nobody waits for it.
 */
import { IpdcError } from '../src/core/errors.ts'
import type { Failure, Ms, NodeId, Term } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import { openLog, type RecordLog } from '../src/core/record-log.ts'
import { idOf } from './held.ts'
import type { Sender } from './sender.ts'

/** Ends kept at once; a node with so many takes nothing new. @default 4_096 */
export const maxResults = 4_096

/** Of the records below. @default 2 */
const version = 2

export type Ended = {
  readonly coordinator: NodeId
  readonly job: string
  readonly term: Term
  readonly task: string
  readonly attempt: number
  /** How long it ran. */
  readonly ms: Ms
} & ({ readonly is: 'done'; readonly result: Uint8Array } | { readonly is: 'failed'; readonly error: Failure })

export interface Outbox {
  /** Resolves when it is written and on its way. */
  put(ended: Ended): Promise<void>
  /** Its coordinator holds it, or wants it no more: the word of another counts for nothing. */
  noted(id: string, by: NodeId): void
  /** Sends one again; false where there is none. */
  sendAgain(id: string): boolean
  of(coordinator: NodeId): Ended[]
  coordinators(): Set<NodeId>
  closeJob(job: string, by: NodeId): void
  readonly size: number
  close(): Promise<void>
}

type Entry = { readonly v: typeof version } & ({ readonly is: 'put'; readonly ended: Ended } | { readonly is: 'noted'; readonly id: string })
/** As the first version wrote them, which kept results only. */
type First = { readonly v?: undefined } & ({ readonly is: 'put'; readonly result: Ended & { is: 'done' } } | { readonly is: 'noted'; readonly id: string })

/** @throws BAD_DATA written by a later version of ipdc; JOURNAL_DAMAGED, IO */
export async function openOutbox({ path, sender, log }: { readonly path: string; readonly sender: Sender; readonly log: Log }): Promise<Outbox> {
  const all = new Map<string, Ended>()
  const file: RecordLog = await openLog(path, {
    read: (record) => {
      const entry = entryOf(record, path)
      if (entry.is === 'put') all.set(idOf(entry.ended), entry.ended)
      else all.delete(entry.id)
    },
  })
  await file.rewrite([...all.values()].map((ended): Entry => ({ v: version, is: 'put', ended })))

  // Without its log an outbox is as good as its process: said, and gone on with.
  const write = (entry: Entry, now = false) => file.append(entry, { sync: false, now }).catch((error) => log.error({ err: error }, 'outbox not written'))

  const remove = (id: string) => {
    if (all.delete(id)) void write({ v: version, is: 'noted', id })
    if (all.size === 0 && file.bytes > 1 << 20) file.rewrite([]).catch((error) => log.error({ err: error }, 'outbox not rewritten'))
  }

  const send = ({ coordinator, job, term, task, attempt, ms, ...end }: Ended) => {
    if (end.is === 'done') sender.tell(coordinator, 'task.done', { job, term }, { task, attempt, term, result: end.result, ms })
    else sender.tell(coordinator, 'task.failed', { job, term }, { task, attempt, term, error: end.error, ms })
  }

  return {
    async put(ended) {
      all.set(idOf(ended), ended)
      await write({ v: version, is: 'put', ended }, true)
      // It may have been noted, or its job closed, meanwhile.
      if (all.has(idOf(ended))) send(ended)
    },
    noted(id, by) {
      if (all.get(id)?.coordinator === by) remove(id)
    },
    sendAgain(id) {
      const ended = all.get(id)
      if (ended !== undefined) send(ended)
      return ended !== undefined
    },
    of: (coordinator) => [...all.values()].filter((ended) => ended.coordinator === coordinator),
    coordinators: () => new Set([...all.values()].map((ended) => ended.coordinator)),
    closeJob(job, by) {
      for (const [id, ended] of all) if (ended.job === job && ended.coordinator === by) remove(id)
    },
    get size() {
      return all.size
    },
    close: () => file.close(),
  }
}

/** Our own file, checksummed: its records are what `write` put there, in this version or before it. */
function entryOf(record: unknown, path: string): Entry {
  const entry = record as Entry | First
  if (entry.v === version) return entry
  if (entry.v !== undefined) {
    throw new IpdcError('BAD_DATA', {
      message: `${path} was written by a later version of ipdc`,
      hint: 'Start that version, or move the file away: tasks run again',
    })
  }
  return entry.is === 'put' ? { v: version, is: 'put', ended: { ...entry.result, is: 'done' } } : { v: version, is: 'noted', id: entry.id }
}
