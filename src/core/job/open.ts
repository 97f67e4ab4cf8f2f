/** How jobs, runs and tasks enter, and how they leave. */
import type { NodeId } from '../kind.ts'
import { cancel } from './attempt.ts'
import { adopt } from './beat.ts'
import { fail, tell } from './charge.ts'
import type { JobOpened, TaskAdded } from './event.ts'
import { retire } from './finished.ts'
import type { Round } from './instruction.ts'
import { leaseMs } from './lease.ts'
import { createNames } from './names.ts'
import { enqueue } from './ready.ts'
import { commit, fails, judge, mayAdopt } from './result.ts'
import { verdict } from './retry.ts'
import { become, isOpen, type Job, keyOf, type Report, type State, type Task, tally } from './state.ts'
import { allMakers, index } from './withdraw.ts'

/** After a restart nodes come by presence, then beat: before this, that all known ones have beaten means nothing. @default 2_000 (ms) */
export const gatherMs = 2_000

export function openJob({ state, now }: Round, { job: id, term, kind, pure, leaseMs: lease, nodes, resumed }: JobOpened): void {
  const job: Job = {
    id,
    term,
    kind,
    want: { kind },
    pure,
    leaseMs: lease,
    nodes,
    openedAt: now,
    tasks: new Map(),
    finished: createNames(),
    stages: new Map(),
    runs: new Map(),
    makers: new Map(),
    lines: new Map(),
    ready: 0,
    committed: new Map(resumed?.committed),
    charged: new Map([...(resumed?.charged ?? [])].map(([name, charges]) => [name, [...charges]])),
    refusals: new Map(),
    isHeld: false,
    adopts: resumed !== undefined,
    adoptionMs: pure ? leaseMs : lease,
    reports: new Map(),
    wants: new Map(),
    doneBy: new Map(),
    warned: new Set(),
    allowed: undefined,
  }
  state.jobs.set(id, job)
  state.ring.push(job)
}

export function closeJob(round: Round, job: Job, why: string): void {
  for (const task of job.tasks.values()) for (const attempt of [...task.live.values()]) cancel(round, attempt, why)
  for (const task of job.tasks.values()) if (isOpen(task)) become(task, 'left')
  round.state.jobs.delete(job.id)
  round.state.ring.splice(round.state.ring.indexOf(job), 1)
}

export function openRun(job: Job, id: number, name: string, total: number | undefined): void {
  const stage = job.stages.get(name) ?? { name, sources: 0, planned: 0, waiting: 0, running: 0, done: 0, failed: 0, lost: 0 }
  job.stages.set(name, stage)
  stage.sources++
  stage.planned = stage.planned === undefined || total === undefined ? undefined : stage.planned + total
  job.runs.set(id, { id, stage, hasEnded: false, open: new Set() })
}

export function endRun(job: Job, id: number): void {
  const run = job.runs.get(id)
  if (run === undefined || run.hasEnded) return
  run.hasEnded = true
  run.stage.sources--
}

/** Ends what is live of it. What is made again for others goes on: nobody waited for its outcome here. */
export function leaveRun(round: Round, job: Job, id: number): void {
  const run = job.runs.get(id)
  if (run === undefined) return
  endRun(job, id)
  job.runs.delete(id)
  for (const task of run.open) {
    if (!isOpen(task)) continue
    for (const attempt of [...task.live.values()]) cancel(round, attempt, 'nobody waits for it any more')
    for (const maker of task.waitsFor) maker.waiters.delete(task)
    task.waitsFor.clear()
    become(task, 'left')
  }
  run.open.clear()
}

export function addTask(round: Round, job: Job, event: TaskAdded): void {
  const run = job.runs.get(event.run)
  if (run === undefined) return
  const { key, prefer, on, needs } = event
  const charges = job.charged.get(event.name) ?? []
  const task: Task = {
    job,
    stage: run.stage,
    run,
    name: event.name,
    body: event.body,
    key,
    prefer,
    want: needs === undefined && on === undefined ? job.want : { kind: job.kind, needs, on },
    is: 'paused',
    shown: undefined,
    live: new Map(),
    past: new Map(),
    attempts: 0,
    charges,
    failedOn: new Set(charges.filter(({ retry }) => retry !== 'later').map(({ node }) => node)),
    winner: undefined,
    withdrawn: new Set(),
    withdrawals: 0,
    waitsFor: new Set(),
    waiters: new Set(),
  }
  job.charged.delete(event.name)
  job.tasks.set(event.name, task)
  run.open.add(task)
  const reports = take(job, task.name)
  // What the journal answers is told to no node here: who still holds something of it says so again.
  if (restore(round, task)) return
  enqueue(task)
  for (const report of reports) adoptReport(round, task, report)
  const last = charges.at(-1)
  if (last !== undefined && verdict(charges).is === 'fail') fail(round, task, last.node, last.error)
}

/** A task whose result is in the journal answers at once. */
function restore(round: Round, task: Task): boolean {
  const known = task.job.committed.get(task.name)
  if (known === undefined) return false
  task.job.committed.delete(task.name)
  const { node, term, attempt, value, cids } = known
  const winner = { key: keyOf(known), node, term, attempt, cids, step: round.state.step, synced: true }
  task.winner = winner
  become(task, 'done')
  tally(task.job, node, 1)
  index(task, winner)
  tell(round, task, { is: 'done', node, value })
  retire(task)
  return true
}

function take(job: Job, name: string): readonly Report[] {
  const reports = job.reports.get(name) ?? []
  job.reports.delete(name)
  return reports
}

function adoptReport(round: Round, task: Task, report: Report): void {
  const ref = { task: task.name, term: report.term, attempt: report.attempt }
  if (report.is === 'done') {
    if (isOpen(task) && judge(round, task, report.src, ref) === 'take') commit(round, task, report.src, ref, report.result)
  } else if (report.is === 'failed') fails(round, task, report.src, ref, report.error, report.retry)
  else if (mayAdopt(task, ref)) adopt(round, task, report.src, report.boot, ref, report.is === 'running')
  else round.out.push({ is: 'cancel', node: report.src, job: task.job.id, ...ref, why: 'a later attempt is alive' })
}

/**
 * Adoption ends after one lease, or when every member that is up has told what it holds. A job that is not pure waits for the
 * lease: a node that cannot be heard may still run its task.
 */
export function endAdoption(round: Round): void {
  const { state, now, out } = round
  for (const job of state.ring) {
    if (!job.adopts) continue
    const since = Math.max(job.openedAt, state.listensSince)
    const hasGathered = job.pure && now >= since + gatherMs && allBeaten(state)
    if (now < since + job.adoptionMs && !hasGathered) continue
    job.adopts = false
    for (const [name, reports] of job.reports) {
      const results = reports.filter((report) => report.is === 'done')
      for (const { src, term, attempt, is } of reports) {
        if (is !== 'done' && is !== 'failed') out.push({ is: 'cancel', node: src, job: job.id, task: name, term, attempt, why: 'no such task is open' })
      }
      if (results.length === 0) job.reports.delete(name)
      else job.reports.set(name, results)
    }
  }
}

function allBeaten(state: State): boolean {
  for (const { node, beaten } of state.books.values()) if (node?.state === 'up' && !beaten) return false
  return true
}

/** Nodes whose standing results name a CID. */
export function holdersOf(job: Job, cid: string): NodeId[] {
  const nodes = new Set<NodeId>()
  for (const { winner } of allMakers(job, cid)) if (winner?.cids.includes(cid)) nodes.add(winner.node)
  return [...nodes]
}
