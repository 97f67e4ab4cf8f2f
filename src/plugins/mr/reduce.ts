/** A reduce task: adds up its partition of every map, and writes the sums as one part in order of key bytes. */
import type { Address } from '../../core/cids.ts'
import type { TaskContext, TaskStore } from '../../core/kind.ts'
import { createPairCursor } from './pairs.ts'
import { createSums } from './sums.ts'
import type { TableOptions } from './table.ts'
import { nameOf, partName, type ReduceResult, type ReduceTask } from './task.ts'

/** Partitions whose first bytes are asked for before their turn: from another node, each is a wait. */
const ahead = 8

/** @throws BAD_DATA when a partition does not have its form */
export async function reduce({ maps, count, partition }: ReduceTask, ctx: TaskContext, limits: Pick<TableOptions, 'limitBytes'> = {}): Promise<ReduceResult> {
  const sums = createSums(ctx.scratch, limits)
  const addresses = Array.from({ length: count }, (_, map) => `${maps}/${nameOf(map)}/${nameOf(partition)}`)
  let read = 0
  for await (const { address, chunks } of openAhead(addresses, ctx.store)) {
    const cursor = createPairCursor(address)
    for await (const chunk of chunks) {
      ctx.signal.throwIfAborted()
      cursor.feed(chunk)
      while (cursor.next()) while (!sums.add(cursor)) await sums.spill()
    }
    cursor.feed(undefined)
    ctx.progress(++read / count)
  }
  ctx.signal.throwIfAborted()
  const totals = { words: 0, distinct: 0 }
  const part = await ctx.store.addFile(sums.lines(totals), partName(partition))
  return { is: 'reduce', part: part.cid, size: part.size, ...totals }
}

interface Opened {
  readonly address: Address
  readonly chunks: AsyncIterable<Uint8Array>
}

/** In order. Of the next few, the first chunk is on its way. */
async function* openAhead(addresses: readonly Address[], store: Pick<TaskStore, 'cat'>): AsyncIterable<Opened> {
  const coming: Opened[] = []
  for (const address of addresses) {
    coming.push({ address, chunks: begun(store.cat(address)) })
    const first = coming.length > ahead ? coming.shift() : undefined
    if (first !== undefined) yield first
  }
  yield* coming
}

/** The same chunks, the first of which is asked for now. */
function begun(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  const first = iterator.next()
  // It is thrown where it is awaited; until then nobody listens.
  first.catch(() => undefined)
  return (async function* () {
    try {
      for (let turn = await first; turn.done !== true; turn = await iterator.next()) yield turn.value
    } finally {
      await iterator.return?.()
    }
  })()
}
