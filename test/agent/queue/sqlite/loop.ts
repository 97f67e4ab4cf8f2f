/** How long the event loop was held, by what it ran or waited for itself: waiting for a processor, which others had, does not count. */
import { readFileSync } from 'node:fs'

export function watchLoop(): { readonly longestMs: number; stop(): void } {
  const everyMs = 5
  let longest = 0
  let began = performance.now()
  let waited = waitedMs()
  const timer = setInterval(() => {
    const [now, nowWaited] = [performance.now(), waitedMs()]
    longest = Math.max(longest, now - began - everyMs - (nowWaited - waited))
    began = performance.now()
    waited = nowWaited
  }, everyMs)
  return {
    get longestMs() {
      return Math.round(longest)
    },
    stop: () => clearInterval(timer),
  }
}

/** Of the main thread, for a processor: the second number of /proc/PID/schedstat (sched-stats.rst of the kernel). */
function waitedMs(): number {
  return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[1]) / 1e6
}
