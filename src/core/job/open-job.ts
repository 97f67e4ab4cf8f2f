/** A job that is driven here, with all that belongs to it. */
import type { Cid } from '../cids.ts'
import type { JobKind } from '../kind.ts'
import type { JobView } from '../views.ts'
import type { Drive } from './drive.ts'
import type { Journal, Opened } from './journal.ts'
import type { Job } from './state.ts'
import { viewOf } from './view.ts'
import type { Watch } from './watch.ts'

export interface OpenJob {
  readonly opened: Opened
  /** The lifecycle's, which forgets it when it closes. */
  readonly job: Job
  readonly kind: JobKind
  readonly inputs: ReadonlySet<Cid>
  /** Signed; every offer carries it. */
  readonly manifest: () => Uint8Array
  readonly journal: Journal
  readonly drive: Drive
  readonly watch: Watch
  /** Set once it ends. */
  closing: Promise<void> | undefined
  /** Why nothing runs, as watchers were told last. */
  waits: string | undefined
}

export function viewOfOpen({ opened, job, drive }: OpenJob, now: number, waits: string | undefined): JobView {
  return { ...viewOf(job, { state: 'open', submitted: opened.wall, now, warnings: drive.warnings }), ...(waits === undefined ? {} : { waits }) }
}
