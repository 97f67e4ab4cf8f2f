/** How far running attempts are, told to whoever watches their job: the latest word of each, at most once a second, and never worth a wait. */
import type { Ms } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import type { Broker } from '../src/core/ports.ts'
import type { Sealer } from '../src/core/wire/envelope.ts'
import { type Body, maxBatch } from '../src/core/wire/message.ts'
import { eventsTopic } from '../src/core/wire/topic.ts'
import type { Held } from './held.ts'
import type { Progress } from './hosts/thread.ts'

/** @default 1_000 (ms) */
const sampleMs: Ms = 1_000
const maxNoteLength = 200

type Told = Body<'task.progress'>['tasks'][number]

export interface ProgressOptions {
  readonly domain: string
  readonly broker: Broker
  readonly sealer: Sealer
  readonly log: Log
}

export function createProgress({ domain, broker, sealer, log }: ProgressOptions) {
  const latest = new Map<string, { readonly job: string; readonly term: number; readonly told: Told }>()
  let timer: NodeJS.Timeout | undefined

  const flush = () => {
    timer = undefined
    const byJob = Map.groupBy(latest.values(), ({ job, term }) => `${job} ${term}`)
    latest.clear()
    for (const all of byJob.values()) {
      const [{ job, term } = { job: '', term: 0 }] = all
      // What does not fit comes with the next word.
      const tasks = all.slice(0, maxBatch).map(({ told }) => told)
      broker
        .publish(eventsTopic(domain, job), sealer.seal('task.progress', { dst: '*', job, term, body: { tasks } }), { qos: 0 })
        .catch((error) => log.debug({ job, err: error }, 'progress not told'))
    }
  }

  return {
    tell({ id, job, term, task, attempt }: Held, { fraction, note }: Progress): void {
      latest.set(id, { job, term, told: { task, attempt, fraction, ...(note === undefined ? {} : { note: note.slice(0, maxNoteLength) }) } })
      timer ??= setTimeout(flush, sampleMs)
    },
    /** It has ended: how far it was is no news. */
    forget: (id: string): boolean => latest.delete(id),
    stop: () => clearTimeout(timer),
  }
}
