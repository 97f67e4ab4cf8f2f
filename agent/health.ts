/** How well this agent does: how long its event loop was blocked, what it refused, what came in. */
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Timers wake so often to measure. @default 10 (ms) */
const resolutionMs = 10

export interface Health {
  /** Longest block of the event loop since start, in ms. */
  readonly loopMaxMs: number
  start(): void
  count(type: string): void
  readonly received: Readonly<Record<string, number>>
  stop(): void
}

export function watchHealth(): Health {
  const loop = monitorEventLoopDelay({ resolution: resolutionMs })
  const received: Record<string, number> = {}
  return {
    /** Measures from now on: what start-up blocks, blocks nobody. */
    start: () => void loop.enable(),
    get loopMaxMs() {
      // The histogram holds the time between two of its ticks: what exceeds the tick itself is the block.
      return Math.max(0, Math.round(loop.max / 1e6) - resolutionMs)
    },
    count(type) {
      received[type] = (received[type] ?? 0) + 1
    },
    received,
    stop: () => void loop.disable(),
  }
}
