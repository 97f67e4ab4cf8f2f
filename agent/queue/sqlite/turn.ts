/** One operation on one queue, within one transaction: what it changes in memory is put back when it is undone, what it says is heard after COMMIT. */
import type { EventKind, EventValue } from './events.ts'
import type { Sql } from './file.ts'
import type { Litter } from './litter.ts'
import { type Held, type Lock, type Queue, wakeWaiters } from './queue.ts'
import { DELAYED, type State } from './schema.ts'

/** Ids are written to the table ahead of need, this many at once. After a crash as many may be skipped, none is given twice. */
const idsAhead = 100
/** The same for the time in the ids of events. */
const eventMsAhead = 60_000

export class Turn {
  readonly sql: Sql
  readonly queue: Queue
  readonly litter: Litter
  readonly now = Date.now()
  readonly #said: [kind: EventKind, job: string | undefined, value: EventValue | undefined][] = []
  #mayWake = false

  constructor(sql: Sql, queue: Queue, litter: Litter) {
    this.sql = sql
    this.queue = queue
    this.litter = litter
  }

  /** One job less in `from`, one more in `to`. */
  move(from: State | undefined, to: State | undefined, count = 1): void {
    const { counts } = this.queue
    const shift = (by: number) => {
      if (from !== undefined) counts[from] -= by
      if (to !== undefined) counts[to] += by
    }
    shift(count)
    this.sql.undo(() => shift(-count))
    this.#mayWake = true
  }

  /** The job is in the hands of a worker. */
  hold(id: string, held: Held): void {
    const { active } = this.queue
    active.set(id, held)
    this.sql.undo(() => active.delete(id))
  }

  lock(id: string, lock: Lock | undefined): void {
    const { locks } = this.queue
    const before = locks.get(id)
    if (lock === undefined) locks.delete(id)
    else locks.set(id, lock)
    this.sql.undo(() => {
      if (before === undefined) locks.delete(id)
      else locks.set(id, before)
    })
  }

  /** It no longer is. */
  letGo(id: string): void {
    const { active, suspects } = this.queue
    const held = active.get(id)
    if (held === undefined) return
    active.delete(id)
    const wasSuspect = suspects.delete(id)
    this.sql.undo(() => {
      active.set(id, held)
      if (wasSuspect) suspects.add(id)
    })
  }

  /** A delayed job is due at this time. */
  delayed(time: number): void {
    const { queue } = this
    const due = Math.floor(time)
    // Undefined with jobs there: not known, so it may be earlier still.
    if (queue.due !== undefined ? due < queue.due : queue.counts[DELAYED] <= 1) queue.due = due
    this.#mayWake = true
  }

  wakes(): void {
    this.#mayWake = true
  }

  nextId(): number {
    const { queue, sql } = this
    queue.ids += 1
    sql.undo(() => {
      queue.ids -= 1
    })
    if (queue.ids > queue.keptIds) this.#keep(queue.ids + idsAhead, queue.keptEvents)
    return queue.ids
  }

  /** Bounds the events; the bound is part of the meta data, as BullMQ has it. */
  maxEvents(): void {
    const { queue } = this
    if (!queue.meta.has('opts.maxLenEvents')) this.setMeta('opts.maxLenEvents', '10000')
  }

  setMeta(field: string, value: string | undefined): void {
    const { queue, sql } = this
    const before = queue.meta.get(field)
    if (before === value) return
    if (value === undefined) sql.run('DELETE FROM meta WHERE q = ? AND field = ?', queue.q, field)
    else sql.run('INSERT INTO meta (q, field, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value', queue.q, field, value)
    putMeta(queue, field, value)
    sql.undo(() => putMeta(queue, field, before))
    this.#mayWake = true
  }

  /** An event, heard after COMMIT. */
  say(kind: EventKind, job?: string, value?: EventValue): void {
    this.#said.push([kind, job, value])
  }

  /** The end of the operation: what was said will be heard. */
  end(): void {
    const { queue, sql } = this
    if (this.#said.length > 0 && this.now > queue.keptEvents) this.#keep(queue.keptIds, this.now + eventMsAhead)
    if (this.#said.length === 0 && !this.#mayWake) return
    sql.after(() => {
      if (this.#said.length > 0) {
        for (const [kind, job, value] of this.#said) queue.events.append(kind, job, value)
        queue.events.wake()
        queue.events.trim()
      }
      if (this.#mayWake) wakeWaiters(queue)
    })
  }

  #keep(ids: number, events: number): void {
    const { queue, sql } = this
    const before = { ids: queue.keptIds, events: queue.keptEvents }
    sql.run('UPDATE queue SET ids = ?, events = ? WHERE q = ?', ids, events, queue.q)
    queue.keptIds = ids
    queue.keptEvents = events
    sql.undo(() => {
      queue.keptIds = before.ids
      queue.keptEvents = before.events
    })
  }
}

function putMeta(queue: Queue, field: string, value: string | undefined): void {
  if (value === undefined) queue.meta.delete(field)
  else queue.meta.set(field, value)
  if (field === 'opts.maxLenEvents') queue.events.max = value === undefined ? 10_000 : Math.max(1, Number(value) || 0)
}
