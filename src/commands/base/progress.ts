/** Shows how a job goes: bars on a terminal; elsewhere a line every five seconds and at the end of each stage. */
import type { JobView } from '../../core/client/api.ts'
import { createLive } from './live.ts'
import { type Marks, mark } from './pace.ts'
import type { Screen } from './screen.ts'
import { isOver, type Names, stageBars, stageLine } from './stages.ts'

export interface Progress {
  show(job: JobView): void
  say(line: string): void
  /** While something is asked, nothing is drawn. */
  hold(): void
  resume(): void
  /** The last state stays on the screen. Ends the timer. */
  end(): void
}

/** How often a line comes where no bar can be drawn. @default 5_000 (ms) */
export const lineEveryMs = 5_000

export function createProgress(screen: Screen, names: Names): Progress {
  return screen.live ? createBars(screen, names) : createLines(screen, names)
}

/** Where nobody listens. */
export const noProgress: Progress = { show() {}, say() {}, hold() {}, resume() {}, end() {} }

function createBars(screen: Screen, names: Names): Progress {
  const live = createLive(screen)
  let marks: Marks = new Map()
  let last: JobView | undefined
  let held = false
  const draw = () => (last === undefined || held ? undefined : live.draw(stageBars(last, names, marks, screen.paint)))
  return {
    show: (job) => {
      marks = mark(marks, job.stages, performance.now())
      last = job
      draw()
    },
    say: (line) => live.say(line),
    hold: () => {
      held = true
      live.clear()
    },
    resume: () => {
      held = false
      draw()
    },
    end: () => live.keep(),
  }
}

function createLines(screen: Screen, names: Names): Progress {
  let marks: Marks = new Map()
  let last: { job: JobView; at: number } | undefined
  const ended = new Set<string>()
  const line = () => {
    if (last === undefined) return
    // Where nothing happens no news comes, but time goes on.
    const job = { ...last.job, ms: last.job.ms + performance.now() - last.at }
    screen.write(`${stageLine(job, names, marks, screen.paint)}\n`)
  }
  const timer = setInterval(line, lineEveryMs)
  timer.unref()
  return {
    show: (job) => {
      const now = performance.now()
      marks = mark(marks, job.stages, now)
      last = { job, at: now }
      const over = job.stages.filter((stage) => isOver(stage) && !ended.has(stage.name))
      for (const { name } of over) ended.add(name)
      if (over.length > 0) line()
    },
    say: (text) => screen.write(`${text}\n`),
    hold() {},
    resume() {},
    end: () => clearInterval(timer),
  }
}
