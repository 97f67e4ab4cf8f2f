/**
 * Where the input is cut. The files lie end to end; a file larger than a split is cut at multiples of the split's size from
 * the file's start, which is where the store's leaves end too, so that no leaf is fetched for two splits (but for the record
 * that lies across). Small files share a split.
 */

import { encode } from '../../core/cbor.ts'
import type { Cid } from '../../core/cids.ts'
import { IpdcError } from '../../core/errors.ts'
import type { JobStore } from '../../core/kind.ts'
import { type Job, maxSplits, nameOf, type Piece } from './task.ts'

export interface Splits {
  readonly count: number
  /** A directory with the pieces of each split. Tasks are small: what a split is made of is an artifact. */
  readonly index: Cid
  /** Length of the whole input. */
  readonly bytes: number
}

interface File {
  readonly path: string
  readonly size: number
}

/** @throws TOO_LARGE for more than 4,096 splits */
export async function splitInput({ input, splitBytes }: Pick<Job, 'input' | 'splitBytes'>, store: JobStore, signal: AbortSignal): Promise<Splits> {
  const files: File[] = []
  let bytes = 0
  for await (const file of filesOf(input, store)) {
    signal.throwIfAborted()
    files.push(file)
    bytes += file.size
  }
  const splits = cut(files, splitBytes)
  if (splits.length > maxSplits) {
    throw new IpdcError('TOO_LARGE', {
      message: `The input of ${bytes} bytes makes ${splits.length} splits of ${splitBytes} bytes; ${maxSplits} is the most`,
      hint: `Use larger splits: --split ${Math.ceil((2 * bytes) / maxSplits / 2 ** 20)}MiB`,
    })
  }
  const index = await store.addTree(
    splits.map((pieces, i) => ({ path: nameOf(i), content: encode(pieces) })),
    'splits',
  )
  return { count: splits.length, index: index.cid, bytes }
}

/** All files below `root`, folder by folder, in order of name bytes. A root that is a file gives itself. */
async function* filesOf(root: Cid, store: JobStore): AsyncIterable<File> {
  const { type, size } = await sortOf(root, store)
  if (type === 'file') yield { path: '', size }
  else yield* filesBelow(root, '', store)
}

/** What a root is shows in a directory around it; a root that is one block of bytes, of at most 2 MiB, is read to learn its length. */
async function sortOf(root: Cid, store: JobStore): Promise<{ readonly type: 'file' | 'directory'; readonly size: number }> {
  let size = 0
  if (root.startsWith('bafkrei')) {
    for await (const chunk of store.cat(root)) size += chunk.length
    return { type: 'file', size }
  }
  const around = await store.link([{ name: 'input', cid: root, size }], 'input')
  for await (const entry of store.ls(around.cid)) return entry
  throw new IpdcError('NOT_FOUND', { message: `No input ${root}`, cid: root })
}

async function* filesBelow(root: Cid, folder: string, store: JobStore): AsyncIterable<File> {
  for await (const { type, name, size } of store.ls(folder === '' ? root : `${root}/${folder}`)) {
    const path = folder === '' ? name : `${folder}/${name}`
    if (type === 'directory') yield* filesBelow(root, path, store)
    else yield { path, size }
  }
}

/** Pieces of a split, at most: a list of them is read at once. */
const maxPieces = 4096

/** The pieces of each split, none of them empty. */
export function cut(files: Iterable<File>, splitBytes: number): Piece[][] {
  const splits: Piece[][] = []
  let room = 0
  for (const { path, size } of files) {
    if (size === 0) continue
    // A file that does not fit into what is left of a split starts a new one.
    if (size > room || splits.at(-1)?.length === maxPieces) room = 0
    for (let from = 0; from < size; ) {
      if (room === 0) {
        splits.push([])
        room = splitBytes
      }
      const to = Math.min(size, from + room)
      splits.at(-1)?.push({ path, size, from, to })
      room -= to - from
      from = to
    }
  }
  return splits
}
