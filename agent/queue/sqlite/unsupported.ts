/** What BullMQ can do on Redis and nobody needs here yet: flows, job schedulers, de-duplication, metrics. Each says so; nothing is left out in silence. */
import type { IQueueBackend } from 'bullmq'
import type { Access } from './access.ts'
import { NotSupportedError } from './errors.ts'

type Flows =
  | 'addFlow'
  | 'moveToWaitingChildren'
  | 'removeUnprocessedChildren'
  | 'removeChildDependency'
  | 'getDependencies'
  | 'getDependencyCounts'
  | 'getProcessedChildrenValues'
  | 'getIgnoredChildrenFailures'
  | 'paginate'
type Schedulers =
  | 'addJobScheduler'
  | 'updateJobSchedulerNextMillis'
  | 'removeJobScheduler'
  | 'getJobScheduler'
  | 'getJobSchedulerData'
  | 'getJobSchedulersRange'
  | 'getJobSchedulersCount'
type Deduplication = 'removeDeduplicationKey' | 'deleteDeduplicationKey' | 'getDeduplicationJobId'

type Part = Pick<IQueueBackend, Flows | Schedulers | Deduplication | 'isJobScheduler' | 'getMetrics'>

export function unsupported({ options }: Pick<Access, 'options'>): Part {
  // A worker that were to collect metrics would find none later.
  if (options.metrics !== undefined && options.metrics !== null) throw new NotSupportedError('Metrics (`opts.metrics` of a Worker)')
  return {
    addFlow: refuse('A flow (addFlow)'),
    moveToWaitingChildren: refuse('A flow (moveToWaitingChildren)'),
    removeUnprocessedChildren: refuse('A flow (removeUnprocessedChildren)'),
    removeChildDependency: refuse('A flow (removeChildDependency)'),
    getDependencies: refuse('A flow (getDependencies)'),
    getDependencyCounts: refuse('A flow (getDependencyCounts)'),
    getProcessedChildrenValues: refuse('A flow (getProcessedChildrenValues)'),
    getIgnoredChildrenFailures: refuse('A flow (getIgnoredChildrenFailures)'),
    paginate: refuse('A flow (paginate)'),
    addJobScheduler: refuse('A job scheduler (addJobScheduler)'),
    updateJobSchedulerNextMillis: refuse('A job scheduler (updateJobSchedulerNextMillis)'),
    removeJobScheduler: refuse('A job scheduler (removeJobScheduler)'),
    getJobScheduler: refuse('A job scheduler (getJobScheduler)'),
    getJobSchedulerData: refuse('A job scheduler (getJobSchedulerData)'),
    getJobSchedulersRange: refuse('A job scheduler (getJobSchedulersRange)'),
    getJobSchedulersCount: refuse('A job scheduler (getJobSchedulersCount)'),
    removeDeduplicationKey: refuse('De-duplication (removeDeduplicationKey)'),
    deleteDeduplicationKey: refuse('De-duplication (deleteDeduplicationKey)'),
    getDeduplicationJobId: refuse('De-duplication (getDeduplicationJobId)'),
    // A worker may ask of a job whose scheduler it does not know: there is none.
    isJobScheduler: async () => false,
    getMetrics: refuse('Metrics (getMetrics)'),
  }
}

function refuse(what: string): (...given: unknown[]) => Promise<never> {
  return async () => {
    throw new NotSupportedError(what)
  }
}
