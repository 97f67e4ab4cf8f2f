/** A worker waits until there may be a job for it. What is there is looked at before each wait and after each commit, so no wake-up is lost; nothing polls. */
import type { IQueueBackend } from 'bullmq'
import { type Connection, maxTimerMs } from './connection.ts'
import { mayGive, type Queue, type Waiter } from './queue.ts'
import { DELAYED } from './schema.ts'

type Part = Pick<IQueueBackend, 'waitForJob' | 'disconnectBlocking' | 'reconnectBlocking'>

/** Look now. */
const now = { member: '0', score: 0 }
/** The wait was ended from outside: claim nothing. Worker reads the score as the time until which nothing is due. */
const never = { member: '', score: Number.POSITIVE_INFINITY }

export function waiting(connection: Connection): Part {
  const { queue, ended } = connection
  const waiters = new Set<() => void>()
  let isCut = false

  ended.addEventListener('abort', () => {
    for (const cut of [...waiters]) cut()
  })

  return {
    async waitForJob(blockTimeout) {
      if (isCut && connection.closing === undefined) return never
      if (ended.aborted) {
        const cut = new AbortController()
        const end = () => cut.abort()
        waiters.add(end)
        return connection
          .rest(blockTimeout * 1000, cut.signal)
          .then(() => never)
          .finally(() => waiters.delete(end))
      }
      if (mayGive(queue, Date.now())) return now
      return new Promise((resolve) => {
        const settle = (answer: typeof now | null) => {
          clear()
          waiters.delete(cut)
          resolve(answer)
        }
        const cut = () => settle(never)
        const clear = waitIn(queue, performance.now() + blockTimeout * 1000, settle)
        waiters.add(cut)
      })
    },
    async disconnectBlocking() {
      isCut = true
      for (const cut of [...waiters]) cut()
    },
    async reconnectBlocking() {
      isCut = false
    },
  }
}

/** Jobs are due by the wall clock; the wait itself is as long as it is, whoever sets that. */
function waitIn(queue: Queue, until: number, settle: (answer: typeof now | null) => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const arm = () => {
    clearTimeout(timer)
    const dueMs = queue.counts[DELAYED] > 0 ? (queue.due ?? 0) - Date.now() : Number.POSITIVE_INFINITY
    timer = setTimeout(ring, Math.min(Math.max(Math.min(until - performance.now(), dueMs), 0), maxTimerMs))
  }
  const ring = () => {
    if (mayGive(queue, Date.now())) settle(now)
    else if (performance.now() >= until) settle(null)
    else arm()
  }
  const waiter: Waiter = { rearm: arm, end: () => settle(now) }
  queue.waiters.add(waiter)
  arm()
  return () => {
    clearTimeout(timer)
    queue.waiters.delete(waiter)
  }
}
