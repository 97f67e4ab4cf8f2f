/**
 * One open job: runs its `coordinate`, carries outcomes to it, and closes the job with a root that is whole, an error, or a
 * cancel. Stopping it leaves the job open in the journal.
 */
import type { Cid } from '../cids.ts'
import { IpdcError, toFailure, wrap } from '../errors.ts'
import type { Artifact, Failure, JobContext, JobId, JobKind, JobStore, NodeId } from '../kind.ts'
import { labelOf } from '../kinds.ts'
import type { Log } from '../log.ts'
import type { Event } from './event.ts'
import type { Told } from './instruction.ts'
import { createMend, mended } from './mend.ts'
import { createRun, type Line, type Run } from './run.ts'

/** Tasks of one job, all stages together: each is remembered until the job is closed. @default 250_000 */
export const maxTasks = 250_000
/** Warnings kept with a job. @default 100 */
export const maxWarnings = 100
const maxWarningLength = 1000

export type Ending =
  | { readonly how: 'done'; readonly root: Artifact }
  | { readonly how: 'failed'; readonly error: Failure }
  | { readonly how: 'cancelled'; readonly error: Failure }

export interface DriveOptions {
  readonly id: JobId
  readonly kind: JobKind
  /** Of the kind's schema. */
  readonly job: unknown
  readonly store: JobStore
  readonly complete: (root: Artifact, job: JobId, signal: AbortSignal) => Promise<void>
  readonly apply: (event: Event) => void
  /** Of the lifecycle. */
  readonly isTaken: (name: string) => boolean
  readonly hasRoom: () => boolean
  readonly warned: (message: string) => void
  readonly ended: (ending: Ending) => void
  readonly log: Log
}

export interface Drive {
  readonly warnings: readonly string[]
  /** Ended, or stopped. */
  readonly isOver: boolean
  /** Nodes that hold something of the job. */
  readonly touched: Set<NodeId>
  start(): void
  tell(run: number, task: string, told: Told): void
  remade(want: number, error: Failure | undefined): void
  warn(message: string): void
  wake(): void
  cancel(): void
  /** It cannot go on, whatever `coordinate` says. */
  fail(error: unknown): void
  /** The agent stops: `coordinate` is ended, the job is not. */
  stop(): void
}

export function createDrive({ id, kind, job, store, complete, apply, isTaken, hasRoom, warned, ended, log }: DriveOptions): Drive {
  const aborting = new AbortController()
  const { signal } = aborting
  const runs = new Map<number, Run<unknown, unknown>>()
  const wants = new Map<number, (isThere: boolean) => void>()
  const warnings: string[] = []
  const touched = new Set<NodeId>()
  let numbers = 0
  let tasks = 0
  let isOver = false

  const mend = createMend({ remake, signal })
  const context: JobContext<unknown, unknown> = {
    id,
    signal,
    log,
    warn,
    store: mended(store, mend),
    run(stage, source, options = {}) {
      const number = ++numbers
      const run = createRun<unknown, unknown>({ stage, source, options, schema: kind.schema.task, signal, line: lineOf(number, stage) })
      runs.set(number, run)
      return run.outcomes
    },
    formed() {
      throw new IpdcError('NOT_OFFERED', { message: 'Gangs are not offered yet' })
    },
  }

  async function drive(): Promise<void> {
    try {
      const coordinate = await kind.coordinate()
      const root = await coordinate(job, context)
      await mend(() => complete(root, id, signal))
      end({ how: 'done', root })
    } catch (cause) {
      fail(cause)
    }
  }

  function fail(cause: unknown): void {
    if (isOver) return
    const error = wrap(cause, 'JOB_FAILED', `The code of ${labelOf(kind)} failed`)
    log.warn({ err: error }, 'job failed')
    end({ how: 'failed', error: toFailure(error) })
  }

  function end(ending: Ending): void {
    if (isOver) return
    isOver = true
    aborting.abort(new IpdcError('CANCELLED', { message: `Job ${id} is closed` }))
    ended(ending)
  }

  function lineOf(run: number, stage: string): Line {
    return {
      open: (total) => apply({ is: 'run.opened', job: id, run, stage, total }),
      ended: () => apply({ is: 'run.ended', job: id, run }),
      left() {
        runs.delete(run)
        apply({ is: 'run.left', job: id, run })
      },
      add(task) {
        if (++tasks > maxTasks) throw new IpdcError('TOO_LARGE', { message: `More than ${maxTasks} tasks in one job`, hint: 'Let each task do more' })
        apply({ is: 'task.added', job: id, run, ...task })
      },
      isTaken,
      hasRoom,
    }
  }

  function remake(cid: Cid): Promise<boolean> {
    const want = ++numbers
    log.info({ cid }, 'lost: to be made again')
    return new Promise((resolve, reject) => {
      const abort = () => {
        wants.delete(want)
        reject(signal.reason)
      }
      signal.addEventListener('abort', abort, { once: true })
      wants.set(want, (isThere) => {
        signal.removeEventListener('abort', abort)
        wants.delete(want)
        resolve(isThere)
      })
      apply({ is: 'lost', job: id, cid, want })
    })
  }

  function warn(message: string): void {
    const text = message.slice(0, maxWarningLength)
    if (warnings.length >= maxWarnings || warnings.includes(text)) return
    warnings.push(text)
    warned(text)
  }

  return {
    warnings,
    touched,
    get isOver() {
      return isOver
    },
    start: () => void drive(),
    tell: (run, task, told) => runs.get(run)?.tell(task, told),
    remade: (want, error) => wants.get(want)?.(error === undefined),
    warn,
    fail,
    wake() {
      for (const run of runs.values()) run.wake()
    },
    cancel: () => end({ how: 'cancelled', error: toFailure(new IpdcError('JOB_CANCELLED', { message: `Job ${id} was cancelled` })) }),
    stop() {
      isOver = true
      aborting.abort(new IpdcError('CANCELLED', { message: 'The agent stops; the job goes on when it is started again' }))
    },
  }
}
