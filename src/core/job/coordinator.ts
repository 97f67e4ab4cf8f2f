/**
 * Drives the jobs that were submitted on this node: feeds the lifecycle with what happens, carries out what it decides, and
 * keeps the journal. A job is accepted when it is on disk; a result is used at once, and its node may forget it when it is on
 * disk too. Killed at any point, it goes on where the journal ends.
 */
import type { Cid } from '../cids.ts'
import { createChanges } from '../cluster/changes.ts'
import type { Members } from '../cluster/members.ts'
import { IpdcError, wrap } from '../errors.ts'
import type { Artifact, Failure, JobId, JobStore, NodeId } from '../kind.ts'
import { type Kinds, labelOf } from '../kinds.ts'
import type { Log } from '../log.ts'
import type { Clock } from '../ports.ts'
import type { JobEvent, JobView, Submit } from '../views.ts'
import type { Message, MessageOf } from '../wire/message.ts'
import { acceptJob, acceptRecord } from './accept.ts'
import { createCarry } from './carry.ts'
import type { Ending } from './drive.ts'
import type { Event } from './event.ts'
import { createEar } from './hear.ts'
import { type JobRecord, type Journal, maxClosed, type Opened, openJournals } from './journal.ts'
import { leaseMs } from './lease.ts'
import { next } from './lifecycle.ts'
import type { ManifestFields } from './manifest.ts'
import { nameJob } from './name.ts'
import { holdersOf } from './open.ts'
import { type OpenJob, viewOfOpen } from './open-job.ts'
import { type Beginning, createOpening } from './opening.ts'
import { createPast } from './past.ts'
import { createPost, type Send } from './post.ts'
import { createState, isOpen } from './state.ts'
import { sleepingView, viewOf } from './view.ts'
import { waitsOf } from './waits.ts'
import { over } from './watch.ts'

/** Jobs open at once. @default 64 */
export const maxOpenJobs = 64
/** How often leases, pauses and adoptions are looked at while a job is open. @default 500 (ms) */
const tickMs = 500

export interface CoordinatorOptions {
  readonly self: NodeId
  /** Folder of the journals. */
  readonly dir: string
  readonly kinds: Kinds
  readonly clock: Clock
  readonly send: Send
  readonly members: Pick<Members, 'list'>
  /** The store of this node as `coordinate` sees it. */
  readonly store: (job: JobId) => JobStore
  readonly sign: (fields: ManifestFields) => Uint8Array
  /** Fetches all below the root into this node's store and pins it. @throws INPUT_LOST naming what nobody holds */
  readonly complete: (root: Artifact, job: JobId, signal: AbortSignal) => Promise<void>
  /** A job was opened, or closed: between the two, what is said of it is worth hearing. */
  readonly changed?: (job: JobId, is: 'open' | 'closed') => void
  readonly log: Log
  readonly limits?: { readonly openJobs?: number; readonly closedJobs?: number }
}

export interface Coordinator {
  /** Resolves when the job is on disk. @throws WRONG_KIND, BAD_DATA, TOO_LARGE, BUSY, IO, DISK_FULL */
  submit(submit: Submit): Promise<JobId>
  /** Takes up the open jobs of the journal. Before it, nothing is heard. */
  resume(): Promise<void>
  /** Facts of nodes, and their progress; other messages are let pass. */
  receive(message: Message): void
  membersChanged(): void
  /** This node's connection to the broker. While it is down, no lease runs out. */
  wireChanged(isUp: boolean): void
  /** Resolves when the cancel is on disk; of a closed job at once. @throws NOT_FOUND */
  cancel(id: JobId): Promise<void>
  view(id: JobId): JobView | undefined
  /** Newest first. */
  views(): JobView[]
  /** @throws NOT_FOUND */
  follow(id: JobId, options?: { readonly tasks?: boolean; readonly signal?: AbortSignal }): AsyncIterable<JobEvent>
  /** Nodes that may hold it, for open jobs: whose result named it, or this one. */
  holders(cid: Cid): NodeId[]
  readonly openJobs: number
  /** Leaves the jobs open. */
  close(): Promise<void>
}

export function createCoordinator({
  self,
  dir,
  kinds,
  clock,
  send,
  members,
  store,
  sign,
  complete,
  changed,
  log,
  limits = {},
}: CoordinatorOptions): Coordinator {
  const state = createState()
  const journals = openJournals({ dir, log, onStuck: hold })
  const open = new Map<JobId, OpenJob>()
  const past = createPast({ journals, max: limits.closedJobs ?? maxClosed, clock, log })
  const post = createPost({ send, manifest: (job) => open.get(job)?.manifest(), leaseMs })
  const carry = createCarry({ post, open, apply, tellClosed: (node, job) => past.isAsleep(job) || post.close(node, job, past.get(job)), log })
  const changes = createChanges(members)
  const hear = createEar({ apply, kindOf: (job) => open.get(job)?.kind, isWanted })
  const opening = createOpening({ state, store, complete, sign, wall: clock.wall, apply, isTaken, view: viewNow, ended: closeJob, log })
  const finishing = new Set<Promise<void>>()
  let submitting = 0
  let isReady = false
  let isClosed = false
  let ticking: NodeJS.Timeout | undefined

  function apply(event: Event): void {
    if (isClosed) return
    for (const instruction of next(state, event, clock.now())) carry(instruction)
    for (const { drive } of open.values()) drive.wake()
  }

  async function submit({ kind: name, job: value, label = name, nodes }: Submit): Promise<JobId> {
    const accepted = await acceptJob(kinds, name, value)
    if (open.size + submitting >= (limits.openJobs ?? maxOpenJobs)) {
      throw new IpdcError('BUSY', { message: `${open.size} jobs are open on this node, as many as it takes`, hint: 'ipdc job list' })
    }
    submitting++
    try {
      const kind = labelOf(accepted.kind)
      const job = nameJob(label, (id) => view(id) !== undefined)
      const opened: Opened = { is: 'opened', job, kind, value, ...(nodes === undefined ? {} : { nodes }), wall: clock.wall() }
      begin({ ...accepted, opened, journal: await journals.create(opened), term: 1 })
      return job
    } finally {
      submitting--
    }
  }

  async function resume(): Promise<void> {
    for (const { record, journal } of await journals.load()) {
      if (journal !== undefined) await resumeJob(record, journal)
      else if (record.closed !== undefined) await past.add(record.closed)
    }
    isReady = true
    membersChanged()
  }

  async function resumeJob(record: JobRecord, journal: Journal): Promise<void> {
    const { opened } = record
    const term = record.term + 1
    try {
      const { committed, ...accepted } = await acceptRecord(kinds, record)
      // Nothing is offered under a term that could be used again.
      await journal.append({ is: 'term', term }, { now: true })
      begin({ ...accepted, opened, journal, term, resumed: { record, committed } })
    } catch (cause) {
      const error = wrap(cause, 'INTERNAL', 'job not resumed')
      log.error({ job: opened.job, err: error }, 'job cannot be taken up')
      past.sleep(sleepingView(record, `It cannot be taken up: ${error.message}`, clock.wall()), journal)
    }
  }

  function begin(beginning: Beginning): void {
    const one = opening(beginning)
    if (one === undefined) return
    const { job, drive } = one
    open.set(job.id, one)
    log.info({ job: job.id, kind: job.kind, term: job.term }, 'job opened')
    changed?.(job.id, 'open')
    ticking ??= setInterval(tick, tickMs)
    drive.start()
  }

  function tick(): void {
    apply({ is: 'tick' })
    // That nothing happens is no event: whoever watches is told all the same.
    for (const one of open.values()) {
      if (!one.watch.watched) continue
      const waits = waitsOf(state, one.job)
      if (waits !== one.waits) one.watch.changed()
      one.waits = waits
    }
  }

  function closeJob(id: JobId, ending: Ending): void {
    const one = open.get(id)
    if (one === undefined || one.closing !== undefined) return
    const closing = finish(one, ending)
    one.closing = closing
    finishing.add(closing)
    void closing.then(() => finishing.delete(closing))
  }

  async function finish({ opened, job, journal, drive, watch }: OpenJob, ending: Ending): Promise<void> {
    const { id } = job
    apply({ is: 'job.closed', job: id, why: ending.how === 'cancelled' ? 'the job was cancelled' : 'the job is over' })
    const { how: state, ...outcome } = ending
    const view = viewOf(job, { state, submitted: opened.wall, now: clock.wall(), warnings: drive.warnings, ...outcome })
    try {
      await journal.closeJob(view)
    } catch (error) {
      log.error({ job: id, err: error }, 'end of job not journalled: it is taken up again at the next start')
      await journal.close().catch(() => {})
      if (isClosed) return
    }
    post.forget(id)
    for (const node of new Set([...drive.touched, self])) post.close(node, id, view)
    const forgotten = past.add(view)
    open.delete(id)
    watch.closed()
    changed?.(id, 'closed')
    log.info({ job: id, how: state }, 'job closed')
    if (open.size === 0) {
      clearInterval(ticking)
      ticking = undefined
    }
    await forgotten
  }

  function hold(job: JobId, error: Failure | undefined): void {
    log.warn({ job, err: error }, error === undefined ? 'journal can be written again' : 'journal cannot be written: the job waits')
    if (error !== undefined) open.get(job)?.drive.warn(`The job waits: ${error.message}`)
    apply({ is: 'job.held', job, isHeld: error !== undefined })
  }

  function isTaken(id: JobId, name: string): boolean {
    const job = state.jobs.get(id)
    return job !== undefined && (job.tasks.has(name) || job.finished.has(name))
  }

  function isWanted(job: JobId, name: string): boolean {
    const task = state.jobs.get(job)?.tasks.get(name)
    return task === undefined ? !isTaken(job, name) : isOpen(task)
  }

  function showProgress({ src, job, body }: MessageOf<'task.progress'>): void {
    const watch = open.get(job ?? '')?.watch
    if (watch?.watched === true) for (const told of body.tasks) watch.tell({ is: 'progress', node: src, ...told })
  }

  function membersChanged(): void {
    if (isReady) for (const node of changes()) apply({ is: 'node', node })
  }

  function view(id: JobId): JobView | undefined {
    const one = open.get(id)
    return one === undefined ? past.get(id) : viewOfOpen(one, clock.wall(), waitsOf(state, one.job))
  }

  function viewNow(id: JobId): JobView {
    const found = view(id)
    if (found === undefined) throw new IpdcError('NOT_FOUND', { message: `No job ${id}`, hint: 'ipdc job list' })
    return found
  }

  return {
    submit,
    resume,
    receive(message) {
      if (!isReady || isClosed) return
      if (message.type === 'task.progress') showProgress(message)
      else hear(message)
    },
    membersChanged,
    wireChanged: (up) => apply({ is: 'wire', up }),
    async cancel(id) {
      viewNow(id)
      const one = open.get(id)
      one?.drive.cancel()
      await (one === undefined ? past.cancel(id) : one.closing)
    },
    view,
    views: () => [...past.views(), ...[...open.keys()].map(viewNow)].sort((a, b) => (a.submitted < b.submitted ? 1 : -1)),
    follow(id, options = {}) {
      const last = viewNow(id)
      return open.get(id)?.watch.follow(options) ?? over(last)
    },
    holders(cid) {
      const jobs = [...open.values()]
      const nodes = new Set(jobs.flatMap(({ job }) => holdersOf(job, cid)))
      // Inputs, and what no task made, lie here, if anywhere.
      if (jobs.some(({ inputs }) => inputs.has(cid)) || !jobs.some(({ job }) => job.makers.has(cid))) nodes.add(self)
      return [...nodes]
    },
    get openJobs() {
      return open.size
    },
    async close() {
      if (isClosed) return
      isClosed = true
      clearInterval(ticking)
      post.stop()
      for (const { drive, watch } of open.values()) {
        drive.stop()
        watch.stop()
      }
      // What waits for a full disk waits no longer.
      await Promise.all(Array.from(open.values(), ({ journal }) => journal.close()))
      await Promise.all(finishing)
      await past.close()
    },
  }
}
