/** A QueueEvents that listens while a sequence runs, with all that it heard. */
import type { Event, Side } from './side.ts'

export interface Listening {
  readonly heard: Event[]
  /** Waits until that many events came. */
  upTo(count: number): Promise<void>
  /** Another one, that goes on from the beginning of a new stream. Of the old, what came in its very last moment may have been heard or not: so many count. */
  anew(count: number): Promise<Listening>
  close(): Promise<void>
}

/** What does not come by then was lost. */
const lateMs = 5000

const ofJobs = ['added', 'waiting', 'active', 'completed', 'failed', 'delayed', 'duplicated', 'stalled', 'progress', 'removed', 'retries-exhausted'] as const
const names = [...ofJobs, 'paused', 'resumed', 'drained', 'cleaned', 'deduplicated', 'waiting-children'] as const

export function listen(side: Side, heard: Event[] = []): Listening {
  const events = side.newListener('0-0')
  let more: () => void = () => {}
  events.on('error', () => {})
  for (const name of names) {
    events.on(name, (args: unknown) => {
      heard.push({ heard: name, ...(typeof args === 'string' ? {} : (args as Event)) })
      more()
    })
  }
  return {
    heard,
    async upTo(count) {
      const late = AbortSignal.timeout(lateMs)
      while (heard.length < count && !late.aborted) {
        await new Promise<void>((resolve) => {
          more = resolve
          late.addEventListener('abort', () => resolve())
        })
      }
    },
    async anew(count) {
      await events.close()
      heard.splice(count)
      return listen(side, heard)
    },
    close: () => events.close(),
  }
}
