/** Jobs that are not driven here: those that are closed, to be listed, and those that this agent cannot take up. */
import { IpdcError, toFailure } from '../errors.ts'
import type { JobId } from '../kind.ts'
import type { Log } from '../log.ts'
import type { Clock } from '../ports.ts'
import type { JobView } from '../views.ts'
import type { Journal, Journals } from './journal.ts'

export interface Past {
  /** Oldest first; over the bound the oldest is forgotten. */
  add(view: JobView): Promise<void>
  /** Open in its journal, but not to be taken up: by another version of the agent perhaps, or when the disk has room. */
  sleep(view: JobView, journal: Journal): void
  isAsleep(id: JobId): boolean
  get(id: JobId): JobView | undefined
  views(): JobView[]
  /** Ends one that sleeps; of a closed one nothing is left to end. */
  cancel(id: JobId): Promise<void>
  close(): Promise<void>
}

export interface PastOptions {
  readonly journals: Pick<Journals, 'remove'>
  readonly max: number
  readonly clock: Clock
  readonly log: Log
}

export function createPast({ journals, max, clock, log }: PastOptions): Past {
  const closed = new Map<JobId, JobView>()
  const asleep = new Map<JobId, { readonly view: JobView; readonly journal: Journal }>()

  async function add(view: JobView): Promise<void> {
    closed.set(view.id, view)
    for (const id of closed.keys()) {
      if (closed.size <= max) return
      closed.delete(id)
      await journals.remove(id).catch((error) => log.warn({ job: id, err: error }, 'journal not removed'))
    }
  }

  async function cancel(id: JobId): Promise<void> {
    const one = asleep.get(id)
    if (one === undefined) return
    const error = toFailure(new IpdcError('JOB_CANCELLED', { message: `Job ${id} was cancelled` }))
    const view: JobView = { ...one.view, state: 'cancelled', closed: new Date(clock.wall()).toISOString(), error }
    asleep.delete(id)
    await one.journal.closeJob(view)
    await add(view)
  }

  return {
    add,
    cancel,
    sleep: (view, journal) => asleep.set(view.id, { view, journal }),
    isAsleep: (id) => asleep.has(id),
    get: (id) => closed.get(id) ?? asleep.get(id)?.view,
    views: () => [...closed.values(), ...Array.from(asleep.values(), ({ view }) => view)],
    async close() {
      for (const { journal } of asleep.values()) await journal.close()
    },
  }
}
