/**
 * Whoever watches a job: a snapshot at most five times a second, warnings, and on request each turn of an attempt. A watcher that
 * reads too slowly loses the oldest events and is told how many; the job never waits for one.
 */
import type { Ms } from '../kind.ts'
import type { JobEvent, JobView } from '../views.ts'

/** Between two snapshots. @default 200 (ms) */
const snapshotMs: Ms = 200
/** Events that wait for one watcher. @default 10_000 */
const maxWaiting = 10_000

export interface Watch {
  /** The view is another now. */
  changed(): void
  tell(event: JobEvent & { is: 'warning' | 'task' | 'progress' }): void
  closed(): void
  /** The stream ends with `closed`, or when the coordinator stops. */
  follow(options: { readonly tasks?: boolean; readonly signal?: AbortSignal }): AsyncIterable<JobEvent>
  readonly watched: boolean
  stop(): void
}

interface Watcher {
  readonly tasks: boolean
  waiting: JobEvent[]
  dropped: number
  isDirty: boolean
  wake(): void
}

export function createWatch(view: () => JobView): Watch {
  const watchers = new Set<Watcher>()
  let state: 'open' | 'closed' | 'stopped' = 'open'

  function tell(event: JobEvent & { is: 'warning' | 'task' | 'progress' }): void {
    for (const watcher of watchers) {
      if (event.is !== 'warning' && !watcher.tasks) continue
      if (watcher.waiting.length >= maxWaiting) {
        watcher.waiting.shift()
        watcher.dropped++
      }
      watcher.waiting.push(event)
      watcher.wake()
    }
  }

  function end(how: 'closed' | 'stopped'): void {
    state = how
    for (const watcher of watchers) watcher.wake()
  }

  async function* follow({ tasks = false, signal }: { readonly tasks?: boolean; readonly signal?: AbortSignal }): AsyncGenerator<JobEvent> {
    const watcher: Watcher = { tasks, waiting: [], dropped: 0, isDirty: false, wake() {} }
    const abort = () => watcher.wake()
    watchers.add(watcher)
    signal?.addEventListener('abort', abort)
    let dueAt = 0
    try {
      yield { is: 'job', job: view() }
      dueAt = performance.now() + snapshotMs
      while (signal?.aborted !== true) {
        if (watcher.dropped > 0) {
          const { dropped } = watcher
          watcher.dropped = 0
          yield { is: 'warning', message: `${dropped} events were left out: they came faster than they were read` }
        } else if (watcher.waiting.length > 0) {
          const batch = watcher.waiting
          watcher.waiting = []
          yield* batch
        } else if (state === 'closed') {
          yield { is: 'closed', job: view() }
          return
        } else if (state === 'stopped') return
        else if (watcher.isDirty && performance.now() >= dueAt) {
          watcher.isDirty = false
          dueAt = performance.now() + snapshotMs
          yield { is: 'job', job: view() }
        } else await woken(watcher, watcher.isDirty ? dueAt - performance.now() : undefined)
      }
    } finally {
      watchers.delete(watcher)
      signal?.removeEventListener('abort', abort)
    }
  }

  return {
    changed() {
      for (const watcher of watchers) {
        if (watcher.isDirty) continue
        watcher.isDirty = true
        watcher.wake()
      }
    },
    tell,
    closed: () => end('closed'),
    stop: () => end('stopped'),
    follow,
    get watched() {
      return watchers.size > 0
    },
  }
}

function woken(watcher: Watcher, ms: Ms | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
    watcher.wake = () => {
      clearTimeout(timer)
      watcher.wake = () => {}
      resolve()
    }
  })
}

/** What watchers of a job see that is not driven any more. */
export async function* over(view: JobView): AsyncGenerator<JobEvent> {
  yield { is: 'job', job: view }
  yield { is: 'closed', job: view }
}
