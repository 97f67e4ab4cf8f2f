/** Reads the pieces of a split in order. Small ones are asked for before their turn: from another node, each is a wait. */
import type { Cid } from '../../core/cids.ts'
import type { TaskStore } from '../../core/kind.ts'
import { recordsOf } from './records.ts'
import type { Piece } from './task.ts'

/** Small pieces on their way at once. */
const ahead = 8
/** A piece up to this size is kept whole while it waits. @default 256 KiB (bytes) */
const smallBytes = 256 << 10

export interface Part {
  readonly chunk: Uint8Array
  /** It is the last of its piece: no record goes on in the next part. */
  readonly ends: boolean
}

export async function* readPieces(input: Cid, pieces: readonly Piece[], store: Pick<TaskStore, 'cat'>): AsyncIterable<Part> {
  const coming: Promise<Uint8Array>[] = []
  for (const [i, piece] of pieces.entries()) {
    for (let next = i; next < pieces.length && next < i + ahead; next++) {
      const other = pieces[next]
      if (other !== undefined && coming[next] === undefined && isSmall(other)) coming[next] = whole(input, other, store)
    }
    const small = coming[i]
    if (small !== undefined) {
      yield { chunk: await small, ends: true }
      delete coming[i]
      continue
    }
    for await (const chunk of recordsOf(input, piece, store)) yield { chunk, ends: false }
    yield { chunk: new Uint8Array(0), ends: true }
  }
}

function isSmall({ size, from, to }: Piece): boolean {
  return from === 0 && to === size && size <= smallBytes
}

function whole(input: Cid, piece: Piece, store: Pick<TaskStore, 'cat'>): Promise<Uint8Array> {
  const read = async () => {
    const chunks: Uint8Array[] = []
    for await (const chunk of recordsOf(input, piece, store)) chunks.push(chunk)
    return Buffer.concat(chunks)
  }
  const bytes = read()
  // It is thrown where it is awaited; until then nobody listens.
  bytes.catch(() => undefined)
  return bytes
}
