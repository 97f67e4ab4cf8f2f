/** Backends on Redis that are wrong in one thing each: what finds no fault with them would find none with ours. */
import { type BackendFactory, createRedisBackend, type RedisQueueBackend } from 'bullmq'

export type Plant = (backend: RedisQueueBackend) => Partial<RedisQueueBackend>

export function planted(plant: Plant): BackendFactory<RedisQueueBackend> {
  return (...args) => {
    const backend = createRedisBackend(...args)
    return Object.assign(backend, plant(backend))
  }
}

export const plants: Readonly<Record<string, Plant>> = {
  'a job that goes to the end of its priority, not to its front': (backend) => {
    const real = backend.changePriority.bind(backend)
    return { changePriority: (id, priority) => real(id, priority, false) }
  },
  'a failure whose reason is not kept for the next attempt': (backend) => {
    const real = backend.retryJob.bind(backend)
    return { retryJob: (id, lifo, token) => real(id, lifo, token) }
  },
  'a finished job that is kept one time too many': (backend) => {
    const real = backend.moveToCompleted.bind(backend)
    return {
      moveToCompleted: (job, value, keep, token, fetchNext) =>
        real(job, value, keep === true ? 1 : typeof keep === 'number' ? keep + 1 : keep, token, fetchNext),
    }
  },
  'an event that comes twice': (backend) => {
    const real = backend.updateProgress.bind(backend)
    return {
      updateProgress: async (id, progress) => {
        await real(id, progress)
        await real(id, progress)
      },
    }
  },
  'an error that is swallowed': (backend) => {
    const real = backend.promote.bind(backend)
    return { promote: (id) => real(id).catch(() => {}) }
  },
  'a lock that anyone renews': (backend) => {
    const real = backend.extendLock.bind(backend)
    return { extendLock: async (id, token, ms) => Math.max(1, await real(id, token, ms)) }
  },
}
