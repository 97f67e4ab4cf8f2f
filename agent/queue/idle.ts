/** Waits that end: until nothing runs, by a signal, or after some time. */
import type { Ms } from '../../src/core/kind.ts'

export function createIdle(isIdle: () => boolean) {
  const waiters = new Set<() => void>()
  return {
    /** Something has ended. */
    look(): void {
      if (isIdle()) for (const wake of waiters) wake()
    },
    async wait(signal?: AbortSignal, ms?: Ms): Promise<void> {
      if (isIdle() || signal?.aborted === true) return
      await new Promise<void>((resolve) => {
        const timer = ms === undefined ? undefined : setTimeout(() => wake(), ms)
        const wake = () => {
          clearTimeout(timer)
          waiters.delete(wake)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        waiters.add(wake)
        signal?.addEventListener('abort', wake)
      })
    },
  }
}

/** Resolves when `wait` has, or is too late. */
export async function within(ms: Ms, wait: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([wait, late]).finally(() => clearTimeout(timer))
}
