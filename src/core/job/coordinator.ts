/**
 * Drives the jobs that were submitted on this node: feeds the lifecycle with what happens, carries out what it decides, and
 * keeps the journal. A job is accepted when it is on disk; a result is used at once, and its node may forget it when it is on
 * disk too. Killed at any point, it goes on where the journal ends.
 */
import { randomBytes } from 'node:crypto'
import { encode } from '../cbor.ts'
import { type Cid, cidsIn } from '../cids.ts'
import type { Members, Node } from '../cluster/members.ts'
import { IpdcError, toFailure, wrap } from '../errors.ts'
import { type Artifact, type Failure, type JobId, type JobKind, type JobStore, type NodeId, namePattern } from '../kind.ts'
import { type Kinds, kindByLabel, labelOf } from '../kinds.ts'
import type { Log } from '../log.ts'
import type { Clock } from '../ports.ts'
import type { JobEvent, JobView, Submit } from '../views.ts'
import type { Message, MessageOf } from '../wire/message.ts'
import { check } from './check.ts'
import { createDrive, type Drive, type Ending } from './drive.ts'
import type { Event } from './event.ts'
import { createEar, readResult } from './hear.ts'
import type { Instruction } from './instruction.ts'
import { type JobRecord, type Journal, maxClosed, type Opened, openJournals } from './journal.ts'
import { leaseMs, serviceLeaseMs } from './lease.ts'
import { next } from './lifecycle.ts'
import { base32 } from './name.ts'
import { holdersOf } from './open.ts'
import { createPost, type Send } from './post.ts'
import { hasRoom } from './ready.ts'
import { type Committed, createState, isOpen, type Job } from './state.ts'
import { sleepingView, viewOf } from './view.ts'
import { createWatch, type Watch } from './watch.ts'

/** Jobs open at once. @default 64 */
export const maxOpenJobs = 64
/** A job as submitted, encoded, at most. @default 65_536 (bytes) */
export const maxJobBytes = 65_536
/** How often leases, pauses and takeovers are looked at while a job is open. @default 500 (ms) */
const tickMs = 500

/** What the agent signs for a job, once per start of the coordinator; it adds domain, submitter, limits and permissions. */
export interface ManifestFields {
  readonly job: JobId
  /** Label: `mr@1`. */
  readonly kind: string
}

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

interface Open {
  readonly opened: Opened
  /** The lifecycle's, which forgets it when it closes. */
  readonly job: Job
  readonly kind: JobKind
  readonly inputs: ReadonlySet<Cid>
  readonly manifest: Uint8Array
  readonly journal: Journal
  readonly drive: Drive
  readonly watch: Watch
  closing: Promise<void> | undefined
}

interface Dormant {
  readonly view: JobView
  readonly journal: Journal
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
  const open = new Map<JobId, Open>()
  /** Oldest first. */
  const closed = new Map<JobId, JobView>()
  /** Open in the journal, but not to be taken up by this start. */
  const dormant = new Map<JobId, Dormant>()
  const known = new Map<NodeId, Pick<Node, 'boot' | 'seq' | 'state'>>()
  const post = createPost({ send, manifest: (job) => open.get(job)?.manifest, leaseMs })
  const hear = createEar({
    apply,
    kindOf: (job) => open.get(job)?.kind,
    isWanted(job, name) {
      const task = state.jobs.get(job)?.tasks.get(name)
      return task === undefined || isOpen(task)
    },
  })
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

  function carry(instruction: Instruction): void {
    const job = 'job' in instruction ? open.get(instruction.job) : undefined
    switch (instruction.is) {
      case 'offer':
        job?.drive.touched.add(instruction.node)
        post.offer(instruction)
        return
      case 'cancel':
        post.cancel(instruction)
        return
      case 'grant':
        post.grant(instruction)
        return
      case 'note':
        post.note(instruction)
        return
      case 'close':
        // One that is being closed is told with all others, when its end is on disk.
        if (job === undefined) {
          if (!dormant.has(instruction.job)) sendClose(instruction.node, instruction.job, closed.get(instruction.job))
        } else job.drive.touched.add(instruction.node)
        return
      case 'commit':
        if (job !== undefined) commit(job, instruction)
        return
      case 'withdraw':
        if (job !== undefined) write(job, { is: 'withdrawn', task: instruction.task })
        return
      case 'charge':
        if (job !== undefined) write(job, { is: 'charged', task: instruction.task, ...instruction.charge })
        return
      case 'outcome':
        job?.drive.tell(instruction.run, instruction.task, instruction.outcome)
        return
      case 'remade':
        job?.drive.remade(instruction.want, undefined)
        return
      case 'unmade':
        job?.drive.remade(instruction.want, instruction.error)
        return
      case 'event': {
        const { stage, task, attempt, node, state, error } = instruction
        job?.drive.touched.add(node)
        job?.watch.tell({ is: 'task', stage, task, attempt, node, state, ...(error === undefined ? {} : { error }) })
        job?.watch.changed()
        return
      }
      case 'warn':
        job?.drive.warn(instruction.message)
        return
      case 'fenced': {
        const { is: _, ...fields } = instruction
        log.info(fields, 'not taken')
        return
      }
    }
  }

  function showProgress({ src, job, body }: MessageOf<'task.progress'>): void {
    const watch = open.get(job ?? '')?.watch
    if (watch?.watched === true) for (const told of body.tasks) watch.tell({ is: 'progress', node: src, ...told })
  }

  function commit({ journal }: Open, { job, task, stage, node, term, attempt, result }: Instruction & { is: 'commit' }): void {
    journal.append({ is: 'committed', task, stage, node, term, attempt, result: result.bytes }).then(
      () => apply({ is: 'synced', job, task, term, attempt }),
      (error) => unwritten(job, error),
    )
  }

  function write({ opened, journal }: Open, entry: Parameters<Journal['append']>[0]): void {
    journal.append(entry).catch((error) => unwritten(opened.job, error))
  }

  function hold(job: JobId, error: Failure | undefined): void {
    log.warn({ job, err: error }, error === undefined ? 'journal can be written again' : 'journal cannot be written: the job waits')
    if (error !== undefined) open.get(job)?.drive.warn(`The job waits: ${error.message}`)
    apply({ is: 'job.held', job, isHeld: error !== undefined })
  }

  /** The job cannot keep its word any more. What is lost here is only what a restart would do again. */
  function unwritten(job: JobId, error: unknown): void {
    const one = open.get(job)
    if (one === undefined || one.closing !== undefined || isClosed) return
    log.error({ job, err: error }, 'journal cannot be written')
    one.drive.fail(error)
  }

  async function submit({ kind: name, job: value, label = name, nodes }: Submit): Promise<JobId> {
    const kind = kinds.get(name)
    if (kind === undefined) {
      throw new IpdcError('WRONG_KIND', { message: `This node does not know the kind "${name}" (it knows ${[...kinds.keys()].join(', ')})` })
    }
    const checked = await check(kind.schema.job, value, `job of kind "${name}"`)
    const bytes = encode(value)
    if (bytes.length > maxJobBytes) throw new IpdcError('TOO_LARGE', { message: `A job of ${bytes.length} bytes where at most ${maxJobBytes} are taken` })
    if (open.size + submitting >= (limits.openJobs ?? maxOpenJobs)) {
      throw new IpdcError('BUSY', { message: `${open.size} jobs are open on this node, as many as it takes`, hint: 'ipdc job list' })
    }
    submitting++
    try {
      const opened: Opened = { is: 'opened', job: freshId(label), kind: labelOf(kind), value, ...(nodes === undefined ? {} : { nodes }), wall: clock.wall() }
      const manifest = sign({ job: opened.job, kind: opened.kind })
      const journal = await journals.create(opened)
      begin({ opened, kind, value: checked, manifest, journal, term: 1 })
      return opened.job
    } finally {
      submitting--
    }
  }

  function freshId(label: string): JobId {
    for (;;) {
      const id = `${label.slice(0, 50)}-${base32(randomBytes(5))}`
      if (!namePattern.test(id)) throw new IpdcError('USAGE', { message: `Not a label for a job: ${JSON.stringify(label.slice(0, 200))}` })
      if (!open.has(id) && !closed.has(id) && !dormant.has(id)) return id
    }
  }

  interface Beginning {
    readonly opened: Opened
    readonly kind: JobKind
    readonly value: unknown
    readonly manifest: Uint8Array
    readonly journal: Journal
    readonly term: number
    readonly committed?: ReadonlyMap<string, Committed>
    readonly record?: JobRecord
  }

  function begin({ opened, kind, value, manifest, journal, term, committed, record }: Beginning): void {
    const { job: id } = opened
    const watch = createWatch(() => viewNow(id))
    const drive = createDrive({
      id,
      kind,
      job: value,
      store: store(id),
      complete,
      apply,
      isTaken: (name) => state.jobs.get(id)?.tasks.has(name) ?? false,
      hasRoom: () => hasRoom(state, id),
      warned(message) {
        watch.tell({ is: 'warning', message })
        watch.changed()
      },
      ended: (ending) => void closeJob(id, ending),
      log: log.child({ job: id }),
    })
    for (const entry of record?.committed.values() ?? []) drive.touched.add(entry.node)
    for (const charges of record?.charged.values() ?? []) for (const { node } of charges) drive.touched.add(node)
    apply({
      is: 'job.opened',
      job: id,
      term,
      kind: opened.kind,
      pure: kind.pure(value),
      leaseMs: kind.ends(value) === 'cancelled' ? serviceLeaseMs : leaseMs,
      nodes: opened.nodes,
      resumed: record === undefined || committed === undefined ? undefined : { committed, charged: record.charged },
    })
    const job = state.jobs.get(id)
    if (job === undefined) return
    open.set(id, { opened, job, kind, inputs: cidsIn(value), manifest, journal, drive, watch, closing: undefined })
    log.info({ job: id, kind: opened.kind, term }, 'job opened')
    changed?.(id, 'open')
    ticking ??= setInterval(() => apply({ is: 'tick' }), tickMs)
    drive.start()
  }

  async function resume(): Promise<void> {
    for (const { record, journal } of await journals.load()) {
      if (journal === undefined) {
        if (record.closed !== undefined) closed.set(record.opened.job, record.closed)
      } else await resumeJob(record, journal)
    }
    await forgetOldest()
    isReady = true
    membersChanged()
  }

  async function resumeJob(record: JobRecord, journal: Journal): Promise<void> {
    const { opened } = record
    const term = record.term + 1
    try {
      const kind = kindByLabel(kinds, opened.kind)
      const value = await check(kind.schema.job, opened.value, `job of kind "${opened.kind}"`)
      // Nothing is offered under a term that could be used again.
      await journal.append({ is: 'term', term }, { now: true })
      const manifest = sign({ job: opened.job, kind: opened.kind })
      begin({ opened, kind, value, manifest, journal, term, committed: await committedOf(record, kind), record })
    } catch (cause) {
      // Another version of the agent may be able to, or a disk with room: the job stays as it is.
      const error = wrap(cause, 'INTERNAL', 'job not resumed')
      log.error({ job: opened.job, err: error }, 'job cannot be taken up')
      dormant.set(opened.job, { journal, view: sleepingView(record, `It cannot be taken up: ${error.message}`, clock.wall()) })
    }
  }

  async function committedOf({ committed }: JobRecord, kind: JobKind): Promise<Map<string, Committed>> {
    const all = new Map<string, Committed>()
    for (const [name, { node, term, attempt, result }] of committed) {
      const first = readResult(kind, result, 0)
      const read = 'later' in first ? await first.later : first
      // One that does not pass any more is made again.
      if ('result' in read) all.set(name, { node, term, attempt, value: read.result.value, cids: read.result.cids })
    }
    return all
  }

  function closeJob(id: JobId, ending: Ending): Promise<void> {
    const one = open.get(id)
    if (one === undefined) return Promise.resolve()
    one.closing ??= finish(one, ending)
    const { closing } = one
    finishing.add(closing)
    void closing.then(() => finishing.delete(closing))
    return closing
  }

  async function finish({ opened, job, journal, drive, watch }: Open, ending: Ending): Promise<void> {
    const { id } = job
    apply({ is: 'job.closed', job: id, why: ending.how === 'cancelled' ? 'the job was cancelled' : 'the job is over' })
    const view = viewOf(job, {
      state: ending.how,
      submitted: opened.wall,
      now: clock.wall(),
      root: ending.how === 'done' ? ending.root : undefined,
      error: ending.how === 'done' ? undefined : ending.error,
      warnings: drive.warnings,
    })
    try {
      await journal.closeJob(view)
    } catch (error) {
      log.error({ job: id, err: error }, 'end of job not journalled: it is taken up again at the next start')
      await journal.close().catch(() => {})
    }
    post.forget(id)
    for (const node of new Set([...drive.touched, self])) sendClose(node, id, view)
    closed.set(id, view)
    open.delete(id)
    watch.closed()
    changed?.(id, 'closed')
    log.info({ job: id, how: ending.how }, 'job closed')
    if (open.size === 0) {
      clearInterval(ticking)
      ticking = undefined
    }
    await forgetOldest()
  }

  async function cancelDormant({ id }: JobView): Promise<void> {
    const one = dormant.get(id)
    if (one === undefined) return
    const error = toFailure(new IpdcError('JOB_CANCELLED', { message: `Job ${id} was cancelled` }))
    const view: JobView = { ...one.view, state: 'cancelled', closed: new Date(clock.wall()).toISOString(), error }
    dormant.delete(id)
    await one.journal.closeJob(view)
    closed.set(id, view)
  }

  async function forgetOldest(): Promise<void> {
    for (const id of closed.keys()) {
      if (closed.size <= (limits.closedJobs ?? maxClosed)) return
      closed.delete(id)
      await journals.remove(id).catch((error) => log.warn({ job: id, err: error }, 'journal not removed'))
    }
  }

  function sendClose(node: NodeId, job: JobId, view: JobView | undefined): void {
    const how = view === undefined || view.state === 'open' ? 'unknown' : view.state
    send(node, 'job.close', { job, body: { how, ...(view?.root === undefined ? {} : { root: view.root.cid }) } })
  }

  function viewNow(id: JobId): JobView {
    const one = open.get(id)
    const view = closed.get(id) ?? dormant.get(id)?.view ?? (one && viewOpen(one))
    if (view === undefined) throw new IpdcError('NOT_FOUND', { message: `No job ${id}`, hint: 'ipdc job list' })
    return view
  }

  function viewOpen({ opened, job, drive }: Open): JobView {
    return viewOf(job, { state: 'open', submitted: opened.wall, now: clock.wall(), warnings: drive.warnings })
  }

  function membersChanged(): void {
    if (!isReady) return
    const nodes = members.list()
    for (const node of nodes) {
      const before = known.get(node.id)
      if (before?.boot === node.boot && before.seq === node.seq && before.state === node.state) continue
      known.set(node.id, { boot: node.boot, seq: node.seq, state: node.state })
      apply({ is: 'node', node })
    }
    if (known.size <= nodes.length) return
    const ids = new Set(nodes.map(({ id }) => id))
    for (const id of known.keys()) if (!ids.has(id)) known.delete(id)
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
      const one = open.get(id)
      if (one === undefined) {
        await cancelDormant(viewNow(id))
        return
      }
      one.drive.cancel()
      await one.closing
    },
    view(id) {
      return closed.has(id) || open.has(id) || dormant.has(id) ? viewNow(id) : undefined
    },
    views() {
      return [...closed.keys(), ...dormant.keys(), ...open.keys()].map(viewNow).sort((a, b) => (a.submitted < b.submitted ? 1 : -1))
    },
    follow(id, options = {}) {
      const view = viewNow(id)
      return open.get(id)?.watch.follow(options) ?? over(view)
    },
    holders(cid) {
      const nodes = new Set<NodeId>()
      let isMade = false
      for (const { inputs, job } of open.values()) {
        if (inputs.has(cid)) nodes.add(self)
        isMade ||= job.makers.has(cid)
        for (const node of holdersOf(job, cid)) nodes.add(node)
      }
      // What no task made lies here, if anywhere.
      if (!isMade) nodes.add(self)
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
      await Promise.all(finishing)
      for (const { journal } of [...open.values(), ...dormant.values()]) await journal.close()
    },
  }
}

async function* over(view: JobView): AsyncGenerator<JobEvent> {
  yield { is: 'job', job: view }
  yield { is: 'closed', job: view }
}
