/** A job as people see it, from what the lifecycle counts. */
import type { Artifact, Failure } from '../kind.ts'
import type { JobView, StageView } from '../views.ts'
import type { JobRecord } from './journal.ts'
import type { Job } from './state.ts'

export interface ViewFields {
  readonly state: JobView['state']
  /** Wall clock, ms since 1970. */
  readonly submitted: number
  readonly now: number
  readonly root?: Artifact | undefined
  readonly error?: Failure | undefined
  readonly warnings: readonly string[]
}

export function viewOf(job: Job, { state, submitted, now, root, error, warnings }: ViewFields): JobView {
  return {
    id: job.id,
    kind: job.kind,
    state,
    term: job.term,
    submitted: new Date(submitted).toISOString(),
    ...(state === 'open' ? {} : { closed: new Date(now).toISOString() }),
    stages: [...job.stages.values()].map(stageView),
    nodes: Object.fromEntries([...job.doneBy].filter(([, count]) => count > 0)),
    ...(root === undefined ? {} : { root }),
    ...(error === undefined ? {} : { error }),
    warnings: [...warnings],
    ms: Math.max(0, now - submitted),
  }
}

/** Of a job that is open in the journal, but was not taken up. */
export function sleepingView({ opened: { job: id, kind, wall }, term }: JobRecord, warning: string, now: number): JobView {
  return { id, kind, state: 'open', term, submitted: new Date(wall).toISOString(), stages: [], nodes: {}, warnings: [warning], ms: Math.max(0, now - wall) }
}

function stageView({ name, sources, planned, waiting, running, done, failed, lost }: Job['stages'] extends Map<string, infer S> ? S : never): StageView {
  const total = sources === 0 ? waiting + running + done + failed : planned
  return { name, ...(total === undefined ? {} : { total }), waiting, running, done, failed, lost }
}
