/**
 * The bytes of the records that a piece owns. Records are lines; a piece owns those that start in it after its first byte, and
 * the one at the file's start. So a reader skips to the first LF at or after `from` and goes on through the first LF at or
 * after `to`: each record has one owner, and a reader wants nothing that lies before its piece.
 */
import type { Cid } from '../../core/cids.ts'
import type { TaskStore } from '../../core/kind.ts'
import type { Piece } from './task.ts'

const LF = 0x0a
/** First step past the end of a piece, doubled until the record ends. */
const firstStepBytes = 4096
const lastStepBytes = 1 << 20

export async function* recordsOf(input: Cid, { path, size, from, to }: Piece, store: Pick<TaskStore, 'cat'>): AsyncIterable<Uint8Array> {
  const address = path === '' ? input : `${input}/${path}`
  let inside = from === 0
  for await (const chunk of store.cat(address, from, to - from)) {
    if (inside) {
      yield chunk
      continue
    }
    const end = chunk.indexOf(LF)
    if (end < 0) continue
    inside = true
    yield chunk.subarray(end + 1)
  }
  // No record starts here: the piece lies within one.
  if (!inside) return

  let step = firstStepBytes
  for (let at = to; at < size; step = Math.min(step * 2, lastStepBytes)) {
    const length = Math.min(step, size - at)
    at += length
    for await (const chunk of store.cat(address, at - length, length)) {
      const end = chunk.indexOf(LF)
      if (end >= 0) {
        yield chunk.subarray(0, end + 1)
        return
      }
      yield chunk
    }
  }
}
