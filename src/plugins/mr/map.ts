/** A map task: counts the words of its split, and puts them into one file for each reducer. Counting here is the combiner. */
import * as v from 'valibot'
import { decode } from '../../core/cbor.ts'
import type { TaskContext, TreeEntry } from '../../core/kind.ts'
import { dealKeys, keysOf } from './keys.ts'
import { encodePairs } from './pairs.ts'
import { readPieces } from './pieces.ts'
import { createTable, type Table, type TableOptions } from './table.ts'
import { type MapResult, type MapTask, nameOf, Piece } from './task.ts'
import { createWords } from './words.ts'

export interface MapLimits extends Pick<TableOptions, 'limitBytes'> {
  /** @default 16 MiB (bytes) */
  readonly maxWordBytes?: number
}

/** @throws TABLE_FULL, BAD_DATA */
export async function map(task: MapTask, ctx: TaskContext, limits: MapLimits = {}): Promise<MapResult> {
  const pieces = await piecesOf(task, ctx)
  const all = pieces.reduce((sum, { from, to }) => sum + to - from, 0)
  const table = createTable({ ...limits, textBytes: all })
  const words = createWords(table, { ...limits, ignoreCase: task.ignoreCase })

  let read = 0
  for await (const { chunk, ends } of readPieces(task.input, pieces, ctx.store)) {
    ctx.signal.throwIfAborted()
    words.push(chunk)
    if (ends) words.end()
    read += chunk.length
    ctx.progress(Math.min(1, read / all))
  }

  const manifest = await ctx.store.addTree(partitions(table, task.k), `map-${nameOf(task.split)}`)
  return { is: 'map', manifest: manifest.cid, size: manifest.size, words: words.total, distinct: table.size }
}

async function piecesOf({ index, split }: MapTask, { store }: TaskContext): Promise<Piece[]> {
  const chunks: Uint8Array[] = []
  for await (const chunk of store.cat(`${index}/${nameOf(split)}`)) chunks.push(chunk)
  return v.parse(v.array(Piece), decode(Buffer.concat(chunks)))
}

/** One at a time: a partition is encoded when the store asks for it. */
function* partitions(table: Table, k: number): Iterable<TreeEntry> {
  const keys = keysOf(table)
  for (const [partition, numbers] of dealKeys(keys, k).entries()) yield { path: nameOf(partition), content: encodePairs(keys, numbers) }
}
