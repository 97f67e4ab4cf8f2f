/**
 * What a coordinator's word rests on: one log per job. Offers and leases are not in it: a restart raises the term, and nodes tell
 * what they hold. A closed job keeps two records, so that it can be listed.
 */
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, type IpdcError, toFailure, wrap } from '../errors.ts'
import type { Failure, JobId, NodeId, Term } from '../kind.ts'
import type { Log } from '../log.ts'
import { openLog, type RecordLog } from '../record-log.ts'
import type { JobView } from '../views.ts'
import type { Charge } from './state.ts'

/** Closed jobs that can be listed, at most; the oldest go first. @default 1_000 */
export const maxClosed = 1000

export interface Opened {
  readonly is: 'opened'
  readonly job: JobId
  /** Label: `mr@1`. */
  readonly kind: string
  /** As it was submitted; left out once the job is closed. */
  readonly value?: unknown
  readonly nodes?: number
  /** ms since 1970. */
  readonly wall: number
}

export type JournalEntry =
  | Opened
  | { readonly is: 'term'; readonly term: Term }
  | {
      readonly is: 'committed'
      readonly task: string
      readonly stage: string
      readonly node: NodeId
      readonly term: Term
      readonly attempt: number
      readonly result: Uint8Array
    }
  | { readonly is: 'withdrawn'; readonly task: string }
  | (Charge & { readonly is: 'charged'; readonly task: string })
  | { readonly is: 'closed'; readonly how: JobView['state']; readonly view: JobView }

/** What the records of a job come to. */
export interface JobRecord {
  readonly opened: Opened
  readonly term: Term
  readonly committed: Map<string, JournalEntry & { is: 'committed' }>
  readonly charged: ReadonlyMap<string, readonly Charge[]>
  readonly closed: JobView | undefined
}

export interface Journal {
  append(entry: JournalEntry, options?: { readonly now?: boolean }): Promise<void>
  /** The last word: on disk when it resolves. All else of the job is let go. */
  closeJob(view: JobView): Promise<void>
  close(): Promise<void>
}

export interface Journals {
  /** Of all jobs, the oldest first. Open ones come with their journal. */
  load(): Promise<{ readonly record: JobRecord; readonly journal: Journal | undefined }[]>
  /** Resolves when the job is on disk. @throws IO, DISK_FULL */
  create(opened: Opened): Promise<Journal>
  /** Forgets a closed job. */
  remove(job: JobId): Promise<void>
}

export interface JournalsOptions {
  readonly dir: string
  readonly log: Log
  /** The disk is full: what was written waits; undefined when there is room again. */
  readonly onStuck: (job: JobId, error: Failure | undefined) => void
}

export function openJournals({ dir, log, onStuck }: JournalsOptions): Journals {
  const pathOf = (job: JobId) => join(dir, `${job}.log`)

  async function load(): ReturnType<Journals['load']> {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const loaded: Awaited<ReturnType<Journals['load']>> = []
    for (const name of await readdir(dir)) {
      if (!name.endsWith('.log')) continue
      const one = await loadOne(name.slice(0, -4))
      if (one !== undefined) loaded.push(one)
    }
    return loaded.sort((a, b) => a.record.opened.wall - b.record.opened.wall)
  }

  async function loadOne(job: JobId): Promise<{ record: JobRecord; journal: Journal | undefined } | undefined> {
    const path = pathOf(job)
    const folding = createFold()
    let file: RecordLog
    try {
      // Our own file, checksummed: its records are what `append` put there.
      file = await openLog(path, { read: (record) => folding.add(record as JournalEntry), onStuck: stuckOf(job) })
    } catch (error) {
      // A checksum that holds over what is no CBOR is damage, too.
      if (codeOf(error) !== 'JOURNAL_DAMAGED' && codeOf(error) !== 'BAD_DATA') throw error
      return setAside(job, folding.record(), error)
    }
    const record = folding.record()
    if (record === undefined) {
      // Its submit was never answered.
      await file.close()
      await rm(path)
      return undefined
    }
    if (record.closed === undefined) return { record, journal: journalOf(record.opened, file, log) }
    await file.close()
    return { record, journal: undefined }
  }

  /** The job has failed; what is left of its journal is kept beside for a person to look at. */
  async function setAside(job: JobId, known: JobRecord | undefined, error: unknown): Promise<{ record: JobRecord; journal: undefined }> {
    const path = pathOf(job)
    const aside = `${path}.damaged`
    await rename(path, aside)
    log.error({ job, err: error, aside }, 'journal damaged: the job has failed, its journal is kept aside')
    // Where even the first record is gone, the name of the file still says that there was a job.
    const lost: Opened = { is: 'opened', job, kind: 'unknown@0', value: null, wall: Math.round((await stat(aside)).mtimeMs) }
    const record = known ?? { opened: lost, term: 1, committed: new Map(), charged: new Map(), closed: undefined }
    const { opened, term } = record
    const submitted = new Date(opened.wall).toISOString()
    const failure = { ...toFailure(error), hint: `What is left of the journal is in ${aside}` }
    const view: JobView = {
      id: job,
      kind: opened.kind,
      state: 'failed',
      term,
      submitted,
      closed: submitted,
      stages: [],
      nodes: {},
      error: failure,
      warnings: [],
      ms: 0,
    }
    const journal = await create(opened)
    await journal.closeJob(view)
    return { record: { ...record, closed: view }, journal: undefined }
  }

  async function create(opened: Opened): Promise<Journal> {
    const path = pathOf(opened.job)
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 })
      const file = await openLog(path, { read() {}, onStuck: stuckOf(opened.job) })
      try {
        await file.append(opened, { now: true })
      } catch (error) {
        await file.close()
        await rm(path, { force: true })
        throw error
      }
      return journalOf(opened, file, log)
    } catch (error) {
      throw wrap(error, 'IO', `The journal of ${opened.job} cannot be made`)
    }
  }

  function stuckOf(job: JobId) {
    return (error: IpdcError | undefined) => onStuck(job, error && toFailure(error))
  }

  return { load, create, remove: (job) => rm(pathOf(job), { force: true }) }
}

function journalOf({ value: _, ...summary }: Opened, file: RecordLog, log: Log): Journal {
  return {
    append: (entry, options) => file.append(entry, options),
    async closeJob(view) {
      const closed: JournalEntry = { is: 'closed', how: view.state, view }
      await file.append(closed)
      // Closed it is; that its journal stays long is only a pity.
      await file.rewrite([summary, closed]).catch((error) => log.warn({ job: summary.job, err: error }, 'journal not shortened'))
      await file.close()
    },
    close: () => file.close(),
  }
}

/** Replay: doing it twice gives the same. */
export function fold(entries: Iterable<JournalEntry>): JobRecord | undefined {
  const folding = createFold()
  for (const entry of entries) folding.add(entry)
  return folding.record()
}

/** Entry by entry, as they are read: all at once would weigh twice what is left of them. */
function createFold() {
  let opened: Opened | undefined
  let term = 1
  let closed: JobView | undefined
  const committed = new Map<string, JournalEntry & { is: 'committed' }>()
  const charged = new Map<string, Charge[]>()
  const words = new Map<string, string>()

  /** A hundred thousand results name a few nodes and stages: each is kept once. */
  function once(word: string): string {
    const known = words.get(word)
    if (known === undefined) words.set(word, word)
    return known ?? word
  }

  return {
    add(entry: JournalEntry): void {
      switch (entry.is) {
        case 'opened':
          opened = entry
          break
        case 'term':
          term = Math.max(term, entry.term)
          break
        case 'committed':
          committed.set(entry.task, { ...entry, node: once(entry.node), stage: once(entry.stage) })
          break
        case 'withdrawn':
          committed.delete(entry.task)
          break
        case 'charged': {
          const { is: _, task, ...charge } = entry
          const charges = charged.get(task)
          if (charges === undefined) charged.set(task, [charge])
          else charges.push(charge)
          break
        }
        case 'closed':
          closed = entry.view
          break
      }
    },
    record: (): JobRecord | undefined => (opened === undefined ? undefined : { opened, term, committed, charged, closed }),
  }
}
