/**
 * Tasks that are done for good. One whose result names no address can never be asked for again: of it only its name is kept, as 8
 * bytes of its hash, so that a job of a hundred thousand small tasks weighs what a photograph does. One whose result names some may
 * have to make it again: it is kept, without what only a living task needs.
 */
import { hash } from 'node:crypto'
import type { Task } from './state.ts'

/** A set of names that only grows. Two names in a billion billion are taken for one: the second of them is called `~2`. */
export interface Names {
  add(name: string): void
  has(name: string): boolean
  readonly size: number
}

/** Places at first; always a power of two. */
const fewest = 64

export function createNames(): Names {
  // Pairs of 32 bits, by open addressing; a pair of zeros is a free place.
  let table = new Uint32Array(2 * fewest)
  let size = 0

  function placeOf(places: Uint32Array, high: number, low: number): number {
    const last = places.length / 2 - 1
    for (let at = low & last; ; at = (at + 1) & last) {
      const [a = 0, b = 0] = [places[2 * at], places[2 * at + 1]]
      if ((a === 0 && b === 0) || (a === high && b === low)) return 2 * at
    }
  }

  function grow(): void {
    const wider = new Uint32Array(table.length * 2)
    for (let at = 0; at < table.length; at += 2) {
      const [high = 0, low = 0] = [table[at], table[at + 1]]
      if (high === 0 && low === 0) continue
      const place = placeOf(wider, high, low)
      wider[place] = high
      wider[place + 1] = low
    }
    table = wider
  }

  function isAt(place: number): boolean {
    return table[place] !== 0 || table[place + 1] !== 0
  }

  return {
    add(name) {
      const [high, low] = pairOf(name)
      const place = placeOf(table, high, low)
      if (isAt(place)) return
      table[place] = high
      table[place + 1] = low
      size++
      // At three quarters a search begins to take long.
      if (size * 8 > table.length * 3) grow()
    },
    has: (name) => size > 0 && isAt(placeOf(table, ...pairOf(name))),
    get size() {
      return size
    },
  }
}

function pairOf(name: string): [high: number, low: number] {
  const digest = hash('sha256', name, 'buffer')
  // The free place has a pair of its own.
  return [digest.readUInt32LE(0) || 1, digest.readUInt32LE(4)]
}

/** What all tasks share that have nothing of it. Never written to: `thaw` comes before. */
const none: Pick<Task, 'live' | 'past' | 'failedOn' | 'withdrawn' | 'waitsFor' | 'waiters' | 'charges'> = {
  live: new Map(),
  past: new Map(),
  failedOn: new Set(),
  withdrawn: new Set(),
  waitsFor: new Set(),
  waiters: new Set(),
  charges: [],
}

/** Its result is on disk, and `coordinate` has heard of it. */
export function retire(task: Task): void {
  const { job, winner } = task
  if (winner?.cids.length === 0 && task.withdrawals === 0) {
    job.tasks.delete(task.name)
    job.finished.add(task.name)
    return
  }
  const { live, past, failedOn, waitsFor, waiters } = none
  Object.assign(task, { live, past, failedOn, waitsFor, waiters })
  if (task.withdrawn.size === 0) task.withdrawn = none.withdrawn
  if (task.charges.length === 0) task.charges = none.charges
  // A typed array of a few bytes weighs hundreds.
  if (typeof task.body !== 'string') task.body = Buffer.from(task.body).toString('latin1')
}

/** It is to be made again. */
export function thaw(task: Task): void {
  if (task.live !== none.live) return
  Object.assign(task, { live: new Map(), past: new Map(), failedOn: new Set(), waitsFor: new Set(), waiters: new Set() })
  task.withdrawn = new Set(task.withdrawn)
  task.charges = [...task.charges]
}
