/** When a quiet connection is pinged, and when it is given up. */
import type { Ms } from '../kind.ts'

/**
 * The timer that mqtt.js sets anew at each answer. It does nothing the first time it is called, pings the second and gives up the
 * third: so pings come after `pingMs`, as often as the broker was told, and the end comes with our own patience.
 */
export function pingTimer(pingMs: Ms, patienceMs: Ms): { set(step: () => unknown): number; clear(): void } {
  let timers: NodeJS.Timeout[] = []
  const clear = (): void => {
    for (const timer of timers) clearTimeout(timer)
  }
  return {
    clear,
    set(step) {
      clear()
      const ping = (): void => {
        step()
        step()
      }
      timers = [setTimeout(ping, pingMs), setTimeout(step, patienceMs)]
      return 1
    },
  }
}
