/** The clock of a sequence: `Date` stands still until it is told to go on. Timers stay real. */
const RealDate = Date

export interface Clock {
  /** ms since the epoch */
  now: number
  restore(): void
}

/** In the past of every real clock, so that what was made with this one is never in the future of a real `Date`. */
export const began = 1_700_000_000_000

/** `Date` of the whole process follows `clock.now` until `restore()`. */
export function fakeDate(): Clock {
  const clock: Clock = {
    now: began,
    restore: () => {
      globalThis.Date = RealDate
    },
  }
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [clock.now] : args, newTarget),
    get: (target, key, receiver) => (key === 'now' ? () => clock.now : Reflect.get(target, key, receiver)),
  })
  return clock
}
