/**
 * CARv1 as it travels: a header with one root, then `varint length | CID | bytes` for each block. Reading believes nothing: lengths
 * are bounded, the header's roots are not looked at, a CAR may end anywhere between blocks.
 */
import type { Cid } from '../cids.ts'
import { IpdcError } from '../errors.ts'
import { cidBytes, cidOf, codecOf, digestOf } from './cid.ts'
import { readVarint } from './protobuf.ts'
import { maxBlockBytes, maxHeadLength, readHead, recordLength, writeHead } from './segment.ts'

/** A header has room for about a thousand roots. */
const maxHeaderBytes = 64 << 10

export function carStart(root: Cid): Buffer {
  return carStartOf(cidBytes(root))
}

/** With a root of any form. */
export function carStartOf(root: Uint8Array): Buffer {
  // dag-cbor of {roots: [CID], version: 1}; a CID is tag 42 of a zero byte and the CID's bytes.
  const length = root.length + 1
  const link = [0xd8, 42, ...(length < 24 ? [0x40 + length] : [0x58, length]), 0, ...root]
  const body = Buffer.from([0xa2, 0x65, ...Buffer.from('roots'), 0x81, ...link, 0x67, ...Buffer.from('version'), 1])
  return Buffer.concat([Buffer.from([body.length]), body])
}

/** What stands before a block's bytes. */
export function carHead(cid: Cid, blockBytes: number): Buffer {
  const head = Buffer.alloc(recordLength(blockBytes) - blockBytes)
  writeHead(codecOf(cid), digestOf(cid), blockBytes, head, 0)
  return head
}

/** Blocks of a CAR, not verified. A block's bytes stay as they are until the next one is asked for. @throws BAD_DATA, TOO_LARGE */
export async function* readCar(source: AsyncIterable<Uint8Array>): AsyncGenerator<{ readonly cid: Cid; readonly bytes: Uint8Array }> {
  const input = createInput(source)
  try {
    const first = await input.peek(9)
    const header = first.length > 0 ? readVarint(first, 0) : undefined
    if (header === undefined || header.value === 0 || header.value > maxHeaderBytes) throw new IpdcError('BAD_DATA', { message: 'Not a CAR: no header' })
    if ((await input.take(header.next + header.value)) === undefined) throw new IpdcError('BAD_DATA', { message: 'A CAR that ends within its header' })
    for (;;) {
      const start = await input.peek(maxHeadLength)
      if (start.length === 0) return
      const head = readHead(start, 0)
      if (head === undefined) throw badRecord(start)
      const record = await input.take(head.headLength + head.blockBytes)
      if (record === undefined) throw new IpdcError('BAD_DATA', { message: 'A CAR that ends within a block' })
      yield { cid: cidOf(head.codec, head.digest), bytes: record.subarray(head.headLength) }
    }
  } finally {
    await input.end()
  }
}

function badRecord(start: Uint8Array): IpdcError {
  const length = readVarint(start.subarray(0, 9), 0)?.value ?? 0
  if (length > maxBlockBytes) return new IpdcError('TOO_LARGE', { message: `A CAR with a block of ${length} bytes (at most ${maxBlockBytes})` })
  return new IpdcError('BAD_DATA', { message: 'A CAR with something else than blocks of sha2-256, raw or dag-pb' })
}

/** Chunks of any size as one row of bytes. */
function createInput(source: AsyncIterable<Uint8Array>) {
  const iterator = source[Symbol.asyncIterator]()
  let held: Uint8Array = new Uint8Array(0)
  let large: Uint8Array = new Uint8Array(0)
  let ended = false

  async function more(): Promise<Uint8Array | undefined> {
    const next = await iterator.next()
    if (next.done !== true) return next.value
    ended = true
    return undefined
  }

  return {
    /** Up to `length` bytes, fewer only at the end; they stay. */
    async peek(length: number): Promise<Uint8Array> {
      while (held.length < length && !ended) {
        const chunk = await more()
        if (chunk !== undefined) held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      }
      return held.subarray(0, length)
    },
    async take(length: number): Promise<Uint8Array | undefined> {
      if (held.length >= length) {
        const bytes = held.subarray(0, length)
        held = held.subarray(length)
        return bytes
      }
      // One buffer for all large blocks: a new one for each would be much to collect.
      if (large.length < length) large = Buffer.allocUnsafeSlow(length)
      const bytes = large.subarray(0, length)
      bytes.set(held)
      let filled = held.length
      held = new Uint8Array(0)
      while (filled < length) {
        const chunk = await more()
        if (chunk === undefined) return undefined
        const used = chunk.subarray(0, length - filled)
        bytes.set(used, filled)
        filled += used.length
        held = chunk.subarray(used.length)
      }
      return bytes
    },
    async end() {
      ended = true
      await iterator.return?.()
    },
  }
}
