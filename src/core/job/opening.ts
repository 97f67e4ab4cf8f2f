/** How a job begins, for the first time or again: what drives it, who watches it, what it offers with, and its place in the lifecycle. */
import { cidsIn } from '../cids.ts'
import type { Artifact, JobId, JobStore, Ms } from '../kind.ts'
import type { Log } from '../log.ts'
import type { JobView } from '../views.ts'
import type { Accepted } from './accept.ts'
import { createDrive, type Ending } from './drive.ts'
import type { Event } from './event.ts'
import type { JobRecord, Journal, Opened } from './journal.ts'
import { leaseMs, serviceLeaseMs } from './lease.ts'
import { createManifest, type ManifestFields } from './manifest.ts'
import type { OpenJob } from './open-job.ts'
import { hasRoom } from './ready.ts'
import type { Committed, State } from './state.ts'
import { createWatch } from './watch.ts'

export interface Beginning extends Accepted {
  readonly opened: Opened
  readonly journal: Journal
  readonly term: number
  readonly resumed?: { readonly record: JobRecord; readonly committed: ReadonlyMap<string, Committed> }
}

export interface OpeningOptions {
  readonly state: State
  readonly store: (job: JobId) => JobStore
  readonly complete: (root: Artifact, job: JobId, signal: AbortSignal) => Promise<void>
  readonly sign: (fields: ManifestFields) => Uint8Array
  readonly wall: () => Ms
  readonly apply: (event: Event) => void
  readonly isTaken: (job: JobId, task: string) => boolean
  readonly view: (job: JobId) => JobView
  readonly ended: (job: JobId, ending: Ending) => void
  readonly log: Log
}

/** Gives the job, not started yet; undefined where the lifecycle takes nothing any more. */
export function createOpening({ state, store, complete, sign, wall, apply, isTaken, view, ended, log }: OpeningOptions) {
  return ({ opened, kind, value, journal, term, resumed }: Beginning): OpenJob | undefined => {
    const { job: id } = opened
    const manifest = createManifest({ job: id, kind: opened.kind, sign, wall })
    const watch = createWatch(() => view(id))
    const drive = createDrive({
      id,
      kind,
      job: value,
      store: store(id),
      complete,
      apply,
      isTaken: (name) => isTaken(id, name),
      hasRoom: () => hasRoom(state, id),
      warned(message) {
        watch.tell({ is: 'warning', message })
        watch.changed()
      },
      ended: (ending) => ended(id, ending),
      log: log.child({ job: id }),
    })
    const { committed, record } = resumed ?? {}
    for (const { node } of committed?.values() ?? []) drive.touched.add(node)
    for (const charges of record?.charged.values() ?? []) for (const { node } of charges) drive.touched.add(node)
    apply({
      is: 'job.opened',
      job: id,
      term,
      kind: opened.kind,
      pure: kind.pure(value),
      leaseMs: kind.ends(value) === 'cancelled' ? serviceLeaseMs : leaseMs,
      nodes: opened.nodes,
      resumed: resumed && { committed: resumed.committed, charged: resumed.record.charged },
    })
    const job = state.jobs.get(id)
    return job && { opened, job, kind, inputs: cidsIn(value), manifest, journal, drive, watch, closing: undefined, waits: undefined }
  }
}
