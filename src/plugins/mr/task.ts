/** What travels between `coordinate` and `run` of kind `mr`: jobs, tasks and results. A leaf: both know it, it knows neither. */
import * as v from 'valibot'
import { isCid } from '../../core/cids.ts'

/** Partitions of a job, at most. */
export const maxPartitions = 1024
/** Splits of a job, at most: a reducer reads from all of them at once. */
export const maxSplits = 4096

const whole = (min: number, max: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(min), v.maxValue(max))
const count = whole(0, Number.MAX_SAFE_INTEGER)
const cid = v.pipe(v.string(), v.check(isCid, 'not a CID'))
const k = whole(1, maxPartitions)

export const Job = v.strictObject({
  program: v.literal('wordcount'),
  /** A file, or a directory: its files are read in order of name bytes, folder by folder. */
  input: cid,
  /** Result files. @default 3 */
  k: v.exactOptional(k, 3),
  /** Where the input is cut. @default 16 MiB (bytes) */
  splitBytes: v.exactOptional(whole(64 << 10, 2 ** 30), 16 << 20),
  /** `A` to `Z` count as `a` to `z`. @default false */
  ignoreCase: v.exactOptional(v.boolean(), false),
})

export const MapTask = v.strictObject({
  is: v.literal('map'),
  program: v.literal('wordcount'),
  input: cid,
  /** A directory with the list of pieces of each split, named by `nameOf`. */
  index: cid,
  split: whole(0, maxSplits - 1),
  k,
  ignoreCase: v.boolean(),
})

export const ReduceTask = v.strictObject({
  is: v.literal('reduce'),
  program: v.literal('wordcount'),
  /** A directory of the map tasks' manifests, named by `nameOf`; each is a directory of its partitions, named likewise. */
  maps: cid,
  count: whole(0, maxSplits),
  partition: whole(0, maxPartitions - 1),
})

export const Task = v.variant('is', [MapTask, ReduceTask])

export const MapResult = v.strictObject({ is: v.literal('map'), manifest: cid, size: count, words: count, distinct: count })

export const ReduceResult = v.strictObject({ is: v.literal('reduce'), part: cid, size: count, words: count, distinct: count })

export const Result = v.variant('is', [MapResult, ReduceResult])

/** A stretch of one file of the input: the records that start in it. `path` is below `input`; empty where `input` is the file. */
export const Piece = v.strictObject({ path: v.string(), size: count, from: count, to: count })

export type Job = v.InferOutput<typeof Job>
export type MapTask = v.InferOutput<typeof MapTask>
export type ReduceTask = v.InferOutput<typeof ReduceTask>
export type Task = v.InferOutput<typeof Task>
export type MapResult = v.InferOutput<typeof MapResult>
export type ReduceResult = v.InferOutput<typeof ReduceResult>
export type Result = v.InferOutput<typeof Result>
export type Piece = v.InferOutput<typeof Piece>

/** `00007`: order of names is order of numbers. */
export function nameOf(number: number): string {
  return String(number).padStart(5, '0')
}

/** `part-00007`. */
export function partName(partition: number): string {
  return `part-${nameOf(partition)}`
}
