/**
 * Time that a test moves by hand: a clock, and the timers of this process. Immediates, promises, sockets and files go on by
 * themselves. Only what asks `setTimeout` or `setInterval` while time is held is meant.
 */
import type { Test } from 'tap'
import type { Clock } from '../../src/core/ports.ts'

export interface Time extends Clock {
  /** Lets what is ready go on, then fires what falls due within so many ms, each at its time, and lets what waited for it go on. */
  pass(ms: number): Promise<void>
}

interface Timer {
  at: number
  readonly every: number | undefined
  readonly work: () => void
}

/** Until the test ends. */
export function holdTime(t: Test): Time {
  const timers = new Map<unknown, Timer>()
  const real = { setTimeout, setInterval, clearTimeout, clearInterval }
  const from = Date.now()
  let now = 0

  const plan = (work: (...args: unknown[]) => void, ms: number, every: number | undefined, args: unknown[]) => {
    const handle = { ref: () => handle, unref: () => handle }
    timers.set(handle, { at: now + ms, every, work: () => work(...args) })
    return handle
  }
  const clear = (handle: unknown) => {
    // One of before stays as real as it was.
    if (!timers.delete(handle)) real.clearTimeout(handle as NodeJS.Timeout)
  }
  Object.assign(globalThis, {
    setTimeout: (work: () => void, ms = 1, ...args: unknown[]) => plan(work, ms, undefined, args),
    setInterval: (work: () => void, ms = 1, ...args: unknown[]) => plan(work, ms, ms, args),
    clearTimeout: clear,
    clearInterval: clear,
  })
  t.teardown(() => {
    Object.assign(globalThis, real)
  })

  const next = (until: number): [unknown, Timer] | undefined => {
    let first: [unknown, Timer] | undefined
    for (const entry of timers) if (entry[1].at <= until && (first === undefined || entry[1].at < first[1].at)) first = entry
    return first
  }

  return {
    now: () => now,
    wall: () => from + now,
    async pass(ms) {
      await turn()
      const until = now + ms
      for (let due = next(until); due !== undefined; due = next(until)) {
        const [handle, timer] = due
        now = timer.at
        if (timer.every === undefined) timers.delete(handle)
        else timer.at += timer.every
        timer.work()
        await turn()
      }
      now = until
      await turn()
    },
  }
}

/** One turn of the event loop: what was ready has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
