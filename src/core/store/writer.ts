/**
 * Appends blocks to segments. Small ones are copied and gathered, large ones are written from where they are, one write at a time and
 * in order. When a write fails, all that waited behind it is taken back as well: no segment ever has a hole.
 */
import { type IpdcError, wrap } from '../errors.ts'
import type { Codec } from './cid.ts'
import type { Place } from './index.ts'
import { carHeader, maxHeadLength, recordLength, type Segment, withFile, writeExactly, writeHead } from './segment.ts'

/** Blocks up to this size are copied into a gathered write. @default 64 KiB */
const smallBytes = 64 << 10
const gatherBytes = 256 << 10
/** Bytes that may wait to be written before small blocks wait too. @default 1 MiB */
const maxWaitingBytes = 1 << 20
const maxSpare = 4

export interface Appended {
  readonly place: Place
  /** Entries of the index that are taken back when the block cannot be written: the caller's goes here. */
  readonly entries: number[]
  /** Resolves when the block's bytes may be used again, and there is room for more. */
  readonly free: Promise<void> | undefined
}

export interface Writer {
  /** Bytes of all segments. */
  bytes: number
  append(segment: Segment, codec: Codec, digest: Uint8Array, block: Uint8Array): Appended
  /** Hands over what was gathered; it need not be full. */
  submit(): void
  /** What was appended so far is written, or has failed. */
  flush(): Promise<void>
}

export interface WriterOptions {
  readonly bytes: number
  /** Entries whose blocks are not there after all. `broken` where the segment could not be set right again. */
  readonly failed: (error: IpdcError, entries: readonly number[], broken: boolean) => void
}

interface Batch {
  readonly segment: Segment
  readonly at: number
  readonly gathered: Buffer
  used: number
  readonly parts: Uint8Array[]
  bytes: number
  readonly entries: number[]
  readonly done: PromiseWithResolvers<void>
}

export function createWriter({ bytes, failed }: WriterOptions): Writer {
  let batch: Batch | undefined
  const waiting: Batch[] = []
  const spare: Buffer[] = []
  let isWriting = false

  function append(segment: Segment, codec: Codec, digest: Uint8Array, block: Uint8Array): Appended {
    const isSmall = block.length <= smallBytes
    if (batch !== undefined && batch.used + carHeader.length + maxHeadLength + (isSmall ? block.length : 0) > gatherBytes) submit()
    const into = gather(segment)
    if (segment.size === 0) copy(into, carHeader.length, (target, at) => target.set(carHeader, at))
    const length = recordLength(block.length)
    const place: Place = { segment: segment.number, offset: segment.size + length - block.length, length: block.length }
    copy(into, length - block.length, (target, at) => writeHead(codec, digest, block.length, target, at))
    if (isSmall) {
      copy(into, block.length, (target, at) => target.set(block, at))
    } else {
      into.parts.push(block)
      grow(into, block.length)
      submit()
    }
    const isCrowded = waiting.reduce((sum, one) => sum + one.bytes, 0) > maxWaitingBytes
    return { place, entries: into.entries, free: isSmall ? (isCrowded ? waiting[0]?.done.promise : undefined) : into.done.promise }
  }

  function gather(segment: Segment): Batch {
    if (batch?.segment !== segment) submit()
    batch ??= {
      segment,
      at: segment.size,
      gathered: spare.pop() ?? Buffer.allocUnsafeSlow(gatherBytes),
      used: 0,
      parts: [],
      bytes: 0,
      entries: [],
      done: Promise.withResolvers(),
    }
    return batch
  }

  function copy(into: Batch, length: number, write: (target: Buffer, at: number) => void): void {
    write(into.gathered, into.used)
    into.parts.push(into.gathered.subarray(into.used, into.used + length))
    into.used += length
    grow(into, length)
  }

  function grow(into: Batch, length: number): void {
    into.bytes += length
    into.segment.size += length
    writer.bytes += length
  }

  function submit(): void {
    if (batch === undefined) return
    waiting.push(batch)
    // Whoever cares waits for it; all others hear of a failure when they sync.
    batch.done.promise.catch(() => {})
    batch = undefined
    if (!isWriting) void write()
  }

  async function write(): Promise<void> {
    isWriting = true
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      try {
        await writeExactly(next.segment, next.parts, next.at)
        next.segment.written = next.at + next.bytes
        next.segment.dirty = true
        waiting.shift()
        if (spare.length < maxSpare) spare.push(next.gathered)
        next.done.resolve()
      } catch (error) {
        await takeBack(wrap(error, 'IO', `Writing to ${next.segment.path}`))
      }
    }
    isWriting = false
  }

  async function takeBack(error: IpdcError): Promise<void> {
    submit()
    const lost = waiting.splice(0)
    for (const { segment, bytes: length } of lost) {
      segment.size -= length
      writer.bytes -= length
    }
    // Before anything is awaited: nobody may find a block where there is none.
    failed(
      error,
      lost.flatMap(({ entries }) => entries),
      false,
    )
    for (const segment of new Set(lost.map((one) => one.segment))) {
      try {
        await withFile(segment, (handle) => handle.truncate(segment.written))
      } catch (cause) {
        // A file that never came into being needs no cutting.
        if (segment.written > 0) failed(wrap(cause, 'IO', `A failed write to ${segment.path} could not be taken back`, 'Restart the agent'), [], true)
      }
    }
    for (const { done } of lost) done.reject(error)
  }

  const writer: Writer = {
    bytes,
    append,
    submit,
    async flush() {
      submit()
      await waiting.at(-1)?.done.promise.catch(() => {})
    },
  }
  return writer
}
