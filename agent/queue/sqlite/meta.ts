/** The meta data of a queue: paused, its own concurrency and rate limit, the version that BullMQ writes. Words, as in a Redis hash. */
import type { IQueueBackend } from 'bullmq'
import type { Access } from './access.ts'

type Part = Pick<
  IQueueBackend,
  'pause' | 'setQueueMeta' | 'getQueueMeta' | 'getQueueMetaField' | 'getQueueMetaFields' | 'hasQueueMetaField' | 'removeQueueMetaFields'
>

export function meta({ run }: Access): Part {
  return {
    pause: (pause) =>
      run((turn) => {
        turn.setMeta('paused', pause ? '1' : undefined)
        turn.say(pause ? 'paused' : 'resumed')
      }),
    setQueueMeta: (values) =>
      run((turn) => {
        const fresh = Object.keys(values).filter((field) => !turn.queue.meta.has(field)).length
        for (const [field, value] of Object.entries(values)) turn.setMeta(field, String(value))
        return fresh
      }),
    getQueueMeta: () => run(({ queue }) => Object.fromEntries(queue.meta)),
    getQueueMetaField: (field) => run(({ queue }) => queue.meta.get(field) ?? null),
    getQueueMetaFields: (fields) => run(({ queue }) => fields.map((field) => queue.meta.get(field) ?? null)),
    hasQueueMetaField: (field) => run(({ queue }) => queue.meta.has(field)),
    removeQueueMetaFields: (fields) =>
      run((turn) => {
        const there = fields.filter((field) => turn.queue.meta.has(field))
        for (const field of there) turn.setMeta(field, undefined)
        return there.length
      }),
  }
}
