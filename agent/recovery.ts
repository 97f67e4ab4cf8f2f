/**
 * What the queue still held when this node was started. Each attempt is told to its coordinator with the beats; it goes on when a
 * grant names it, and is dropped when its coordinator does not want it, or is silent for as long as a lease gives a right. Till all
 * is decided the queue gives nothing.
 */
import { leaseMs, marginMs } from '../src/core/job/lease.ts'
import type { Ms, NodeId } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import type { Clock, Queue } from '../src/core/ports.ts'
import { type Held, type Table, unpack } from './held.ts'
import type { Jobs } from './jobs.ts'

/** No longer than a right that is given now: else a grant could only shorten it. @default 8_000 (ms) */
export const graceMs: Ms = leaseMs - marginMs

export interface RecoveryOptions {
  readonly queue: Queue
  readonly table: Table
  /** Told of what is held, so that it is cleaned up after. */
  readonly jobs: Pick<Jobs, 'heard'>
  /** Tells a coordinator what is held of it. */
  readonly tell: (coordinator: NodeId) => void
  /** Gives an attempt up, and says so. */
  readonly end: (held: Held) => Promise<void>
  /** All is decided: there is room again. */
  readonly decided: () => void
  readonly clock: Clock
  readonly log: Log
}

export interface Recovery {
  /** Something is not decided yet. Till then this node asks for nothing more: what is new would come between. */
  readonly isOpen: boolean
  /** On the air: from now on coordinators can answer. */
  start(): Promise<void>
  /** Something was granted, or is not held any more. */
  look(): void
  stop(): void
}

/** Reads all that the queue holds. */
export async function openRecovery({ queue, table, jobs, tell, end, decided, clock, log }: RecoveryOptions): Promise<Recovery> {
  const found: Held[] = []
  let timer: NodeJS.Timeout | undefined
  let isOver = false

  for await (const { id, data } of queue.items()) {
    try {
      const held = table.add(unpack(data), clock.now() + graceMs)
      if (held.id !== id) throw new Error(`it is of ${held.id}`)
      held.asks = true
      held.told = 'accepted'
      jobs.heard(held.job, held.coordinator)
      found.push(held)
    } catch (error) {
      log.warn({ id, err: error }, 'not an attempt: dropped')
      await queue.remove(id)
    }
  }
  if (found.length > 0) log.info({ held: found.length, coordinators: [...table.coordinators()] }, 'the queue still holds attempts')

  const asks = (held: Held) => held.asks && table.get(held.id) === held

  const finish = async () => {
    isOver = true
    clearTimeout(timer)
    await queue.resume()
    if (found.length === 0) return
    const granted = found.filter((held) => !held.asks).length
    log.info({ held: found.length, granted, dropped: found.length - granted }, 'what the queue held is decided')
    found.length = 0
    decided()
  }

  const look = () => {
    if (timer !== undefined && !isOver && !found.some(asks)) void finish()
  }

  const expire = async () => {
    for (const held of found.filter(asks)) {
      log.warn({ job: held.job, task: held.task, attempt: held.attempt, coordinator: held.coordinator }, 'no word of its coordinator: dropped')
      await end(held)
    }
    look()
  }

  return {
    get isOpen() {
      return found.length > 0
    },
    async start() {
      if (found.length === 0) return finish()
      for (const held of found) if (held.asks) held.until = clock.now() + graceMs
      timer = setTimeout(() => void expire(), graceMs)
      for (const coordinator of new Set(found.map((held) => held.coordinator))) tell(coordinator)
      look()
    },
    look,
    stop() {
      isOver = true
      clearTimeout(timer)
    },
  }
}
