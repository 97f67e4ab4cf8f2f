/**
 * How many tasks this node runs at once, now: looks at the machine every few seconds, hears what its owner says, and tells whoever
 * must know at each change. A pause is the owner's word and outlives the agent.
 */
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { wrap } from '../src/core/errors.ts'
import type { Ms } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import type { Clock, Queue } from '../src/core/ports.ts'
import type { Reason } from '../src/core/reasons.ts'
import { syncFolder } from '../src/core/record-log.ts'
import type { Measured, Meter } from './meter.ts'
import { decide, outboxLow, type Past, type Slots } from './slots.ts'

/** Between two looks at the machine. @default 4_000 (ms) */
export const lookMs: Ms = 4_000

export interface Capacity {
  /** Tasks at once, as far as is known now. */
  readonly slots: number
  readonly given: number
  /** Set where `slots` is fewer than given. */
  readonly reason: Reason | undefined
  readonly isPaused: boolean
  /** The first look, and all that come after it. */
  start(): Promise<void>
  /** On disk when it resolves. @throws IO, DISK_FULL */
  pause(isPaused: boolean): Promise<void>
  /** Something else changed: the queue went down, or came up. */
  refresh(): void
  /** The agent stops: nothing new is taken. */
  drain(): void
  stop(): void
}

export interface CapacityOptions {
  /** Slots by configuration. */
  readonly given: number
  readonly cores: number
  readonly home: string
  readonly meter: Meter
  readonly queue: Pick<Queue, 'size' | 'status'>
  readonly outbox: { readonly size: number; readonly limit: number }
  readonly clock: Clock
  readonly log: Log
  /** `slots` or `reason` is another now. */
  readonly changed: () => void
  /** After each look. */
  readonly looked: () => void
}

export function createCapacity({ given, cores, home, meter, queue, outbox, clock, log, changed, looked }: CapacityOptions): Capacity {
  const mark = join(home, 'paused')
  let isPaused = existsSync(mark)
  let isDraining = false
  let past: Past | undefined
  let measured: Measured = { othersCores: 0, memory: { free: Number.POSITIVE_INFINITY, total: 0, own: 0 }, diskFree: Number.POSITIVE_INFINITY }
  let current: Slots = { slots: isPaused ? 0 : given, reason: isPaused ? 'paused' : undefined }
  let timer: NodeJS.Timeout | undefined
  let isOver = false

  function judge(): void {
    const {
      past: next,
      slots,
      reason,
    } = decide(past, {
      ...measured,
      now: clock.now(),
      given,
      cores,
      running: queue.size.running,
      outbox,
      isPaused,
      isDraining,
      isQueueBroken: queue.status.is === 'down',
    })
    past = next
    if (slots === current.slots && reason === current.reason) return
    current = { slots, reason }
    log.info({ slots, given, ...(reason === undefined ? {} : { reason }) }, 'slots')
    changed()
  }

  async function look(): Promise<void> {
    clearTimeout(timer)
    measured = await meter.measure()
    if (isOver) return
    judge()
    looked()
    timer = setTimeout(() => void look(), lookMs)
  }

  /** What fills and empties faster than one looks. */
  function now(): Slots {
    const { size, limit } = outbox
    if (current.reason === 'outbox full' ? size < limit * outboxLow : current.slots > 0 && size >= limit) judge()
    return current
  }

  return {
    get slots() {
      return now().slots
    },
    given,
    get reason() {
      return now().reason
    },
    get isPaused() {
      return isPaused
    },
    start: look,
    async pause(wanted) {
      try {
        if (wanted) await writeFile(mark, `${new Date(clock.wall()).toISOString()}\n`, { mode: 0o600, flush: true })
        else await rm(mark, { force: true })
        // Its name, too: a power cut must not undo what was promised.
        await syncFolder(home)
      } catch (error) {
        throw wrap(error, 'IO', `${mark} cannot be written`)
      }
      isPaused = wanted
      judge()
    },
    refresh: judge,
    drain() {
      isDraining = true
      judge()
    },
    stop() {
      isOver = true
      clearTimeout(timer)
      meter.close()
    },
  }
}
