/** MapReduce: cut the input at records, map each split, give each reducer its partition of every map, join the parts in order. */
import { IpdcError } from '../../core/errors.ts'
import type { Artifact, Coordinate, Outcome } from '../../core/kind.ts'
import { splitInput } from './split.ts'
import { type Job, type MapTask, nameOf, partName, type ReduceTask, type Result, type Task } from './task.ts'

export const coordinate: Coordinate<Job, Task, Result> = async (job, ctx) => {
  const { count, index, bytes } = await splitInput(job, ctx.store, ctx.signal)

  const manifests: Artifact[] = []
  let words = 0
  for await (const outcome of ctx.run('map', [...mapTasks(job, index, count)], { id: (task) => nameOf(numberOf(task)) })) {
    if (outcome.is === 'failed' || outcome.task.is !== 'map' || outcome.result.is !== 'map') throw notItsResult(outcome)
    const { manifest, size } = outcome.result
    manifests[outcome.task.split] = { name: nameOf(outcome.task.split), cid: manifest, size }
    words += outcome.result.words
  }
  if (words === 0) ctx.warn(bytes === 0 ? 'The input is empty' : 'The input has no words')

  // The partitions stay on the nodes that made them: only the directory over them is made here.
  const maps = await ctx.store.link(manifests, 'maps')

  const parts: Artifact[] = []
  for await (const outcome of ctx.run('reduce', [...reduceTasks(job, maps.cid, count)], { id: (task) => nameOf(numberOf(task)) })) {
    if (outcome.is === 'failed' || outcome.task.is !== 'reduce' || outcome.result.is !== 'reduce') throw notItsResult(outcome)
    const { part, size } = outcome.result
    parts[outcome.task.partition] = { name: partName(outcome.task.partition), cid: part, size }
  }

  // Order, not arrival, decides the root: law 1.
  return ctx.store.link(parts, 'result')
}

function* mapTasks({ program, input, k, ignoreCase }: Job, index: string, count: number): Iterable<MapTask> {
  for (let split = 0; split < count; split++) yield { is: 'map', program, input, index, split, k, ignoreCase }
}

function* reduceTasks({ program, k }: Job, maps: string, count: number): Iterable<ReduceTask> {
  for (let partition = 0; partition < k; partition++) yield { is: 'reduce', program, maps, count, partition }
}

function numberOf(task: Task): number {
  return task.is === 'map' ? task.split : task.partition
}

/** A failed task ends the loop by itself. What is left is a node that answers a map with the result of a reduce, which its schema allows. */
function notItsResult({ task, node }: Outcome<Task, Result>): IpdcError {
  return new IpdcError('BAD_DATA', { message: `Node ${node} gave a result that is not one of ${task.is} ${numberOf(task)}` })
}
