/**
 * One file of the pack: a CARv1 without roots, records `varint length | CID | bytes`, written only at its end. Being a CAR, any
 * IPFS tool can read it.
 */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { IpdcError } from '../errors.ts'
import { type Codec, cidLength, readCid, writeCid } from './cid.ts'
import { readVarint, varintLength, writeVarint } from './protobuf.ts'

/** A block, at most: what Kubo and bitswap take. @default 2 MiB */
export const maxBlockBytes = 2 << 20

/** `{roots: [], version: 1}` in dag-cbor, behind its length. */
export const carHeader = Buffer.from([17, 0xa2, 0x65, ...Buffer.from('roots'), 0x80, 0x67, ...Buffer.from('version'), 1])

export interface Segment {
  readonly number: number
  readonly path: string
  /** Where the next record goes: what was promised, written or not. */
  size: number
  /** What the file holds. */
  written: number
  /** Holds what was not synced. */
  dirty: boolean
  /** Its records end before its file does: nothing is appended. */
  damaged: boolean
  /** Open while somebody needs it. */
  handle: Promise<FileHandle> | undefined
  users: number
  removed: boolean
}

export function segmentOf(folder: string, number: number, size = 0): Segment {
  const path = join(folder, `${String(number).padStart(8, '0')}.car`)
  return { number, path, size, written: size, dirty: false, damaged: false, handle: undefined, users: 0, removed: false }
}

export const segmentName = /^(\d{8})\.car$/

/** Length of the record of a block: the block lies at its end. */
export function recordLength(blockBytes: number): number {
  return varintLength(cidLength + blockBytes) + cidLength + blockBytes
}

/** Writes what stands before a block's bytes, and gives the position after it. */
export function writeHead(codec: Codec, digest: Uint8Array, blockBytes: number, into: Uint8Array, at: number): number {
  const cidAt = writeVarint(cidLength + blockBytes, into, at)
  writeCid(codec, digest, into, cidAt)
  return cidAt + cidLength
}

/** Longest head: what must be at hand to read one. */
export const maxHeadLength = 4 + cidLength

/** The head at `at`; undefined where it is not one, or not all there. */
export function readHead(
  bytes: Uint8Array,
  at: number,
): { readonly codec: Codec; readonly digest: Uint8Array; readonly headLength: number; readonly blockBytes: number } | undefined {
  const length = readVarint(bytes.subarray(at, at + 4), 0)
  if (length === undefined || length.value < cidLength || length.value > cidLength + maxBlockBytes) return undefined
  const cid = readCid(bytes.subarray(at + length.next))
  return cid && { ...cid, headLength: length.next + cidLength, blockBytes: length.value - cidLength }
}

/** Runs `work` with the file open. It is closed when the segment is removed and nobody uses it. */
export async function withFile<T>(segment: Segment, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  segment.handle ??= open(segment.path, constants.O_RDWR | (segment.written === 0 ? constants.O_CREAT : 0), 0o600)
  segment.users++
  try {
    return await work(await opened(segment, segment.handle))
  } finally {
    segment.users--
    if (segment.removed) await closeFile(segment)
  }
}

async function opened(segment: Segment, handle: Promise<FileHandle>): Promise<FileHandle> {
  try {
    return await handle
  } catch (error) {
    // Too many open files, say: the next one may try again.
    if (segment.handle === handle) segment.handle = undefined
    throw error
  }
}

export async function closeFile(segment: Segment): Promise<void> {
  if (segment.users > 0 || segment.handle === undefined) return
  const handle = segment.handle
  segment.handle = undefined
  await (await handle).close()
}

/** All of `length` bytes at `offset`. @throws IO where the file is shorter */
export async function readExactly(segment: Segment, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length)
  let filled = 0
  await withFile(segment, async (handle) => {
    while (filled < length) {
      const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled)
      if (bytesRead === 0) throw new IpdcError('IO', { message: `${segment.path} ends at ${offset + filled}, within a block` })
      filled += bytesRead
    }
  })
  return bytes
}

/** Writes all parts, one after another, from `offset` on. */
export async function writeExactly(segment: Segment, parts: readonly Uint8Array[], offset: number): Promise<void> {
  await withFile(segment, async (handle) => {
    let position = offset
    let left = parts.filter((part) => part.length > 0)
    while (left.length > 0) {
      let { bytesWritten } = await handle.writev(left, position)
      position += bytesWritten
      const rest: Uint8Array[] = []
      for (const part of left) {
        if (bytesWritten < part.length) rest.push(part.subarray(bytesWritten))
        bytesWritten = Math.max(0, bytesWritten - part.length)
      }
      left = rest
    }
  })
}
