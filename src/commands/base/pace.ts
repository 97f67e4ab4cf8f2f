/** How fast a stage goes: tasks a second over the last seconds, so that an estimate follows what nodes do now. */
import type { StageView } from '../../core/client/api.ts'

/** What is older tells nothing about now. @default 10_000 (ms) */
const windowMs = 10_000

export interface Mark {
  readonly at: number
  readonly done: number
}

export type Marks = ReadonlyMap<string, readonly Mark[]>

/** Notes where the stages are. `now` is monotonic, in ms. */
export function mark(marks: Marks, stages: readonly StageView[], now: number): Marks {
  return new Map(
    stages.map(({ name, done }) => {
      const kept = (marks.get(name) ?? []).filter(({ at }) => now - at <= windowMs)
      return [name, [...kept, { at: now, done }]]
    }),
  )
}

/** Tasks a second, or undefined where too little is known. */
export function rateOf(marks: Marks, stage: string): number | undefined {
  const [first, ...rest] = marks.get(stage) ?? []
  const last = rest.at(-1)
  if (first === undefined || last === undefined || last.at - first.at < 500 || last.done <= first.done) return undefined
  return ((last.done - first.done) * 1000) / (last.at - first.at)
}

/** Milliseconds until a stage is over, where its end is known. */
export function leftMs({ total, done, failed, name }: StageView, marks: Marks): number | undefined {
  const rate = rateOf(marks, name)
  return total === undefined || rate === undefined ? undefined : ((total - done - failed) / rate) * 1000
}
