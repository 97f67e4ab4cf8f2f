/** A reduce task: merges its partition of every map into one sorted part. Its memory is a window on each partition, whatever their sizes. */
import type { Address } from '../../core/cids.ts'
import type { TaskContext } from '../../core/kind.ts'
import { mergeLines, type Run } from './merge.ts'
import { createPairCursor } from './pairs.ts'
import { nameOf, partName, type ReduceResult, type ReduceTask } from './task.ts'

/** All windows together. @default 32 MiB (bytes) */
const windowsBytes = 32 << 20
const minWindowBytes = 16 << 10
const maxWindowBytes = 1 << 20
/** Partitions that are asked for at once in the beginning. */
const atOnce = 8

/** @throws BAD_DATA when a partition does not have its form */
export async function reduce({ maps, count, partition }: ReduceTask, ctx: TaskContext, { windowBytes = windowOf(count) } = {}): Promise<ReduceResult> {
  ctx.signal.throwIfAborted()
  const runs: Run[] = []
  const totals = { words: 0, distinct: 0 }
  let ended = 0
  for (let from = 0; from < count; from += atOnce) {
    const some = Array.from({ length: Math.min(atOnce, count - from) }, (_, i) => openRun(`${maps}/${nameOf(from + i)}/${nameOf(partition)}`))
    const begun = await Promise.all(some.map((run) => run.refill()))
    runs.push(...some.filter((_, i) => begun[i]))
  }
  const part = await ctx.store.addFile(mergeLines(runs, totals), partName(partition))
  return { is: 'reduce', part: part.cid, size: part.size, ...totals }

  function openRun(address: Address): Run {
    const cursor = createPairCursor(address)
    let offset = 0
    let isEnd = false

    async function refill(): Promise<boolean> {
      while (!isEnd) {
        ctx.signal.throwIfAborted()
        let read = 0
        for await (const chunk of ctx.store.cat(address, offset, windowBytes)) {
          cursor.feed(chunk)
          read += chunk.length
        }
        offset += read
        isEnd = read < windowBytes
        if (cursor.next()) return true
      }
      cursor.feed(undefined)
      ctx.progress(++ended / count)
      return false
    }

    return { cursor, refill }
  }
}

function windowOf(count: number): number {
  return Math.min(maxWindowBytes, Math.max(minWindowBytes, Math.floor(windowsBytes / Math.max(1, count))))
}
