/**
 * Words of a stream of bytes: runs of anything but space, tab, LF, VT, FF and CR, exact. Four bytes are looked at in one step,
 * and without a branch on where a word ends, which no processor can guess. Chunks are copied into one window, so that a word
 * may lie across any number of them.
 */
import { IpdcError } from '../../core/errors.ts'
import { firstBytes, hashRest, hashWords } from './hash.ts'
import { cellShift, countField, countShift, field, inlineBytes, type Table, tableFull } from './table.ts'

/** A longer word is an error, not a reason to take all memory. @default 16 MiB (bytes) */
export const maxWordBytes = 16 << 20

/** Small enough to stay in a processor's cache between the copy and the scan. @default 64 KiB (bytes) */
const firstWindow = 64 << 10
/** Spaces after the window's content: they end its last word, and the scan may look at them. */
const slack = 16

export interface Words {
  /** Words that ended so far. */
  readonly total: number
  push(chunk: Uint8Array): void
  /** Ends the last word: of a file, or of all. */
  end(): void
}

export interface WordsOptions {
  /** `A` to `Z` count as `a` to `z`. */
  readonly ignoreCase: boolean
  /** @default 16 MiB (bytes) */
  readonly maxWordBytes?: number
}

/** @throws BAD_DATA for a word that is too long, TABLE_FULL */
export function createWords(table: Table, { ignoreCase, maxWordBytes: most = maxWordBytes }: WordsOptions): Words {
  let window = makeWindow(firstWindow)
  /** Bytes of a word that began and did not end yet, at the window's start. */
  let held = 0
  let total = 0

  function push(chunk: Uint8Array): void {
    for (let from = 0; from < chunk.length; ) {
      if (held === window.room) widen()
      const { bytes, room } = window
      const part = chunk.subarray(from, from + room - held)
      bytes.set(part, held)
      const to = held + part.length
      if (ignoreCase) fold(bytes, held, to)
      bytes.fill(space, to, to + slack)
      const rest = scan(to)
      held = to - rest
      if (rest > 0) bytes.copyWithin(0, rest, to)
      from += part.length
    }
  }

  function end(): void {
    window.bytes.fill(space, held, held + slack)
    if (held > 0) scan(held + 1)
    held = 0
  }

  function widen(): void {
    const wider = makeWindow(window.room * 2)
    wider.bytes.set(window.bytes)
    window = wider
  }

  /**
   * Counts the words that end before `to`; gives the start of the one that does not, or `to`. This loop is what a word count costs:
   * no branch depends on where a word of up to 8 bytes ends, and the usual word is found in the table right here, in one cell. All
   * that it needs is in local constants and written out, which makes it half as fast again.
   */
  function scan(to: number): number {
    const { bytes, view } = window
    const [lengthField, mostInline] = [field.length, inlineBytes]
    let { index, cells, counts } = table
    let mask = index.length - 1
    let words = 0
    let at = 0
    while (at < to) {
      let w0 = view.getInt32(at, true)
      let w1 = view.getInt32(at + 4, true)
      let w2 = 0
      let rest = 0
      let length: number
      // The high bit of each byte below 0x21, white space or control character; exact for the first of them.
      const low0 = (w0 - 0x21212121) & ~w0 & 0x80808080
      const low1 = (w1 - 0x21212121) & ~w1 & 0x80808080
      if ((low0 | low1) !== 0) {
        // Ones in the bytes before the first that was marked; in all where none was. In the second word only if none was in the first.
        const mask0 = ((low0 & -low0) >>> 7) - 1
        const mask1 = (((low1 & -low1) >>> 7) - 1) & ~((low0 | -low0) >> 31)
        w0 &= mask0
        w1 &= mask1
        length = (64 - Math.clz32(mask0) - Math.clz32(mask1)) >> 3
      } else {
        w2 = view.getInt32(at + 8, true)
        const low2 = (w2 - 0x21212121) & ~w2 & 0x80808080
        const mask2 = ((low2 & -low2) >>> 7) - 1
        w2 &= mask2
        length = (96 - Math.clz32(mask2)) >> 3
      }
      if (isSpace[bytes[at + length] as number] === 0) {
        // The word goes on: it is longer than 12 bytes, or holds control characters.
        while (isSpace[bytes[at + length] as number] === 0) length++
        if (length > most) throw tooLong()
        w0 = view.getInt32(at, true) & firstBytes(length)
        w1 = view.getInt32(at + 4, true) & firstBytes(length - 4)
        w2 = view.getInt32(at + 8, true) & firstBytes(length - 8)
        if (length > mostInline) rest = hashRest(bytes, at + mostInline, at + length)
      } else if (length === 0) {
        at++
        continue
      }
      if (at + length >= to) break
      const hash = hashWords(w0, w1, w2, rest)
      const number = (index[hash & mask] as number) - 1
      const cell = number << cellShift
      if (
        number >= 0 &&
        cells[cell] === w0 &&
        cells[cell + 1] === w1 &&
        cells[cell + 2] === w2 &&
        cells[cell + lengthField] === length &&
        length <= mostInline
      ) {
        const count = (number << countShift) + countField
        counts[count] = (counts[count] as number) + 1
      } else {
        if (!table.add(bytes, at, length, w0, w1, w2, hash, 1)) throw tableFull(table, 'Cut the input into smaller splits: --split 4MiB')
        ;({ index, cells, counts } = table)
        mask = index.length - 1
      }
      words++
      at += length + 1
    }
    total += words
    return Math.min(at, to)
  }

  function tooLong(): IpdcError {
    return new IpdcError('BAD_DATA', { message: `A word is longer than ${most} bytes`, hint: 'Is the input text?' })
  }

  return {
    push,
    end,
    get total() {
      return total
    },
  }
}

function makeWindow(room: number) {
  const bytes = new Uint8Array(room + slack)
  return { room, bytes, view: new DataView(bytes.buffer) }
}

const space = 0x20
/** 1 for the six bytes that end a word. */
export const isSpace = new Uint8Array(256)
for (const code of [0x20, 0x09, 0x0a, 0x0b, 0x0c, 0x0d]) isSpace[code] = 1

/** ASCII only: what a letter is must not depend on a version of Unicode. */
function fold(bytes: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number
    if (byte >= 0x41 && byte <= 0x5a) bytes[at] = byte | 0x20
  }
}
