/** What travels between `coordinate` and `run` of kind `echo`. */
import * as v from 'valibot'

const count = (max: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(max))

export const Job = v.strictObject({
  /** How many. */
  tasks: count(1_000_000),
  /** What each takes. @default 0 (ms) */
  waitMs: v.exactOptional(count(60_000), 0),
  /** Alive at once, at most. @default as many as nodes have room for */
  window: v.exactOptional(v.pipe(count(10_000), v.minValue(1))),
})

export const Task = v.strictObject({ number: count(1_000_000), waitMs: count(60_000) })

export const Result = v.strictObject({ number: count(1_000_000) })

export type Job = v.InferOutput<typeof Job>
export type Task = v.InferOutput<typeof Task>
export type Result = v.InferOutput<typeof Result>
