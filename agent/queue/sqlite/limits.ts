/** The rate limit: so many claims in a window that the first of them opens. A window outlives a restart, and then counts as used up. */
import type { IQueueBackend } from 'bullmq'
import type { Access } from './access.ts'
import { whole } from './numbers.ts'
import type { Queue } from './queue.ts'
import { isMaxed } from './queue.ts'
import type { Turn } from './turn.ts'

type Part = Pick<IQueueBackend, 'setRateLimit' | 'removeRateLimitKey' | 'getRateLimitTtl' | 'isMaxed'>

export function limits({ run }: Access): Part {
  return {
    async setRateLimit(expireTimeMs) {
      const ms = whole('A rate limit (ms)', expireTimeMs, 1)
      return run((turn) => setLimiter(turn, { used: Number.MAX_SAFE_INTEGER, until: turn.now + ms }))
    },
    removeRateLimitKey: () =>
      run((turn) => {
        const isThere = windowOf(turn.queue, turn.now) !== undefined
        setLimiter(turn, undefined)
        return isThere ? 1 : 0
      }),
    getRateLimitTtl: (maxJobs) =>
      run(({ queue, now }) => {
        // As its script has it, 0 is as good as none given.
        const most = maxJobs || queue.meta.get('max')
        if (most !== undefined) return limitedFor(queue, Number(most), now)
        // As Redis tells of a key that is not there.
        return windowOf(queue, now) === undefined ? -2 : ttl(queue, now)
      }),
    isMaxed: () => run(({ queue }) => isMaxed(queue)),
  }
}

/** For how long no job may be claimed (ms). */
export function limitedFor(queue: Queue, max: number | undefined, now: number): number {
  const window = windowOf(queue, now)
  return max !== undefined && window !== undefined && max <= window.used ? window.until - now : 0
}

/** What is left of the window (ms). */
export function ttl(queue: Queue, now: number): number {
  return (windowOf(queue, now)?.until ?? now) - now
}

/** A job is claimed: it counts. */
export function useLimit(turn: Turn, durationMs: number): void {
  const { queue, now, sql } = turn
  const window = windowOf(queue, now)
  if (window === undefined) {
    setLimiter(turn, { used: 1, until: now + Math.floor(Math.abs(durationMs)) })
    return
  }
  const before = window.used
  window.used = Math.min(before + 1, Number.MAX_SAFE_INTEGER)
  sql.undo(() => {
    window.used = before
  })
}

function windowOf({ limiter }: Queue, now: number): { used: number; until: number } | undefined {
  return limiter !== undefined && limiter.until > now ? limiter : undefined
}

function setLimiter(turn: Turn, limiter: Queue['limiter']): void {
  const { queue, sql } = turn
  const before = queue.limiter
  sql.run('UPDATE queue SET limited = ? WHERE q = ?', limiter?.until ?? 0, queue.q)
  queue.limiter = limiter
  sql.undo(() => {
    queue.limiter = before
  })
}
