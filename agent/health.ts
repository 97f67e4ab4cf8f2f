/** How well this agent does: how long its event loop was blocked while it had work, what it refused, what came in. */
import { closeSync, openSync, readSync } from 'node:fs'

/** Between two looks at the event loop while there is work. @default 20 (ms) */
const busyMs = 20
/** And while there is none: an idle agent sleeps. @default 500 (ms) */
const idleMs = 500

export interface Health {
  start(): void
  /** Longest block of the event loop while there was work, in ms: by this process itself, not by others that had the processor. */
  readonly loopMaxMs: number
  count(type: string): void
  readonly received: Readonly<Record<string, number>>
  stop(): void
}

export function watchHealth(isBusy: () => boolean): Health {
  const received: Record<string, number> = {}
  const waits = openWaits()
  let timer: NodeJS.Timeout | undefined
  let longest = 0

  const look = () => {
    const ms = isBusy() ? busyMs : idleMs
    const began = performance.now()
    const waited = ms === busyMs ? waits.ms() : 0
    timer = setTimeout(() => {
      if (ms === busyMs) longest = Math.max(longest, performance.now() - began - busyMs - (waits.ms() - waited))
      look()
    }, ms)
    timer.unref()
  }

  return {
    start: look,
    get loopMaxMs() {
      return Math.round(longest)
    },
    count(type) {
      received[type] = (received[type] ?? 0) + 1
    },
    received,
    stop() {
      clearTimeout(timer)
      waits.close()
    },
  }
}

/**
 * How long the main thread was ready to run and had no processor, in ms since it began: the second number of Linux's
 * /proc/PID/schedstat (sched-stats.rst of the kernel). Elsewhere it is 0, and such waits count as blocks.
 */
function openWaits(): { ms(): number; close(): void } {
  let fd: number | undefined
  const buffer = Buffer.alloc(128)
  try {
    fd = openSync('/proc/self/schedstat', 'r')
  } catch {}
  return {
    ms() {
      if (fd === undefined) return 0
      const length = readSync(fd, buffer, 0, buffer.length, 0)
      return Number(buffer.toString('latin1', 0, length).split(' ')[1] ?? 0) / 1e6
    },
    close() {
      if (fd !== undefined) closeSync(fd)
      fd = undefined
    },
  }
}
