/**
 * What a person does with the queue of this node: looks at it, pauses it, lets it go on, sends tasks away. What is sent away goes back
 * to its coordinator, which gives it to another node and charges nobody. A node that runs nothing keeps nothing waiting either.
 */
import { maxQueueEntries, type QueueEntry, type QueueOrder } from '../src/core/client/api.ts'
import { IpdcError } from '../src/core/errors.ts'
import type { Log } from '../src/core/log.ts'
import type { Clock, Queue } from '../src/core/ports.ts'
import type { Capacity } from './capacity.ts'
import type { Held, Table } from './held.ts'

export interface DeskOptions {
  readonly queue: Pick<Queue, 'held' | 'size'>
  readonly table: Table
  readonly capacity: Capacity
  /** Ends an attempt and tells its coordinator. */
  readonly end: (held: Held) => Promise<void>
  readonly clock: Clock
  readonly log: Log
}

export function createDesk({ queue, table, capacity, end, clock, log }: DeskOptions) {
  async function list(): Promise<QueueEntry[]> {
    const entries: QueueEntry[] = []
    for (const { id, is } of await queue.held()) {
      const held = table.get(id)
      if (held === undefined) continue
      const { job, stage, task, attempt, coordinator, since } = held
      entries.push({ job, stage, task, attempt, is, coordinator, seconds: Math.round((clock.now() - since) / 100) / 10 })
      if (entries.length >= maxQueueEntries) break
    }
    return entries
  }

  /** Waiting attempts of a node that runs none would wait for ever: their leases are renewed with each beat. */
  async function sendBack(): Promise<void> {
    await endAll(table.all().filter(({ is }) => is === 'waiting'))
  }

  /** Together: the queue writes them down in one go. */
  async function endAll(attempts: readonly Held[]): Promise<void> {
    await Promise.all(attempts.map((held) => end(held)))
  }

  async function drop(job: string): Promise<number> {
    const id = job === 'all' ? job : jobOf(job)
    const all = table.all().filter((held) => id === 'all' || held.job === id)
    await endAll(all)
    log.info({ job: id, dropped: all.length }, 'dropped by order')
    return all.length
  }

  /** By its id or the beginning of one, as everywhere. @throws NOT_FOUND for none, or more than one */
  function jobOf(begin: string): string {
    const found = [...new Set(table.all().map(({ job }) => job))].filter((job) => job.startsWith(begin))
    const [job, another] = found
    if (found.includes(begin)) return begin
    if (job === undefined) throw new IpdcError('NOT_FOUND', { message: `This node holds nothing of a job ${begin}`, hint: 'ipdc node queue' })
    if (another === undefined) return job
    throw new IpdcError('NOT_FOUND', { message: `${found.length} jobs begin with ${begin}: ${found.slice(0, 3).join(', ')}`, hint: 'ipdc node queue' })
  }

  return {
    list,
    /** @throws IO, and NOT_FOUND where nothing of that job is held, or its beginning is that of several */
    async carryOut(order: QueueOrder): Promise<{ readonly dropped: number }> {
      switch (order.do) {
        case 'pause':
          await capacity.pause(true)
          await sendBack()
          return { dropped: 0 }
        case 'resume':
          await capacity.pause(false)
          return { dropped: 0 }
        case 'drop':
          return { dropped: await drop(order.job) }
      }
    },
    /** From time to time. */
    async tidy(): Promise<void> {
      const { slots, reason } = capacity
      if (slots === 0 && reason !== 'draining' && reason !== 'queue broken') await sendBack()
    },
  }
}

export type Desk = ReturnType<typeof createDesk>
