/** Simulated time: what is planned happens in order of time, and of planning where times tie. */
export interface Agenda {
  readonly now: number
  at(time: number, what: () => void): void
  after(ms: number, what: () => void): void
  /** Runs until nothing is planned before `time`, or `isOver`. */
  runTo(time: number, isOver: () => boolean): void
}

interface Plan {
  readonly at: number
  readonly order: number
  readonly what: () => void
}

export function createAgenda(): Agenda {
  const plans: Plan[] = []
  let now = 0
  let order = 0

  const isBefore = (a: Plan, b: Plan) => a.at < b.at || (a.at === b.at && a.order < b.order)

  function at(time: number, what: () => void): void {
    const plan = { at: Math.max(now, time), order: order++, what }
    let i = plans.push(plan) - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      if (!isBefore(plan, plans[up]!)) break
      plans[i] = plans[up]!
      i = up
    }
    plans[i] = plan
  }

  function pop(): Plan {
    const first = plans[0]!
    const last = plans.pop()!
    if (plans.length === 0) return first
    let i = 0
    for (;;) {
      let down = 2 * i + 1
      if (down >= plans.length) break
      if (down + 1 < plans.length && isBefore(plans[down + 1]!, plans[down]!)) down++
      if (isBefore(last, plans[down]!)) break
      plans[i] = plans[down]!
      i = down
    }
    plans[i] = last
    return first
  }

  return {
    get now() {
      return now
    },
    at,
    after: (ms, what) => at(now + ms, what),
    runTo(time, isOver) {
      while (plans[0] !== undefined && plans[0].at <= time && !isOver()) {
        const plan = pop()
        now = plan.at
        plan.what()
      }
    },
  }
}
