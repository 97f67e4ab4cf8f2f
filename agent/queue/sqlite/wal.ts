/**
 * The write-ahead log as a file: how many frames it holds, and whether they are what SQLite wrote. SQLite itself tells neither.
 * Form: https://sqlite.org/fileformat2.html#the_write_ahead_log. A frame counts when it has the salts of the header.
 */
import { readSync, writeSync } from 'node:fs'

export const headerBytes = 32
const frameHeaderBytes = 24

export interface Wal {
  /** As of the last look. */
  readonly frames: number
  /** Bytes in use, as of the last look. */
  readonly bytes: number
  /** Looks how far it has grown since. */
  look(): number
  /** Unmakes the frames behind the last commit: a transaction that failed left them, and the next one may not cover them all. */
  cut(): void
  /** SQLite begins anew with the next commit. */
  restarted(): void
  /** The whole log, each frame checked; undefined when what was written cannot be read back: the system has dropped it. */
  read(): { bytes: Buffer; pages: { number: number; at: number }[] } | undefined
}

export function createWal(fd: number, pageSize: number): Wal {
  const frameBytes = frameHeaderBytes + pageSize
  const head = Buffer.alloc(frameHeaderBytes)
  let salts: bigint | undefined
  let frames = 0

  const offset = (frame: number) => headerBytes + (frame - 1) * frameBytes
  const isFrame = (frame: number) => readSync(fd, head, 0, frameHeaderBytes, offset(frame)) === frameHeaderBytes && head.readBigUInt64BE(8) === salts

  /** Frames are one run from the first on: twice as far while there are any, then the border by halves. */
  const look = () => {
    if (salts === undefined) {
      const header = Buffer.alloc(headerBytes)
      if (readSync(fd, header, 0, headerBytes, 0) < headerBytes || !isHeader(header)) return 0
      salts = header.readBigUInt64BE(16)
    }
    let step = 1
    while (isFrame(frames + step)) step *= 2
    let [low, high] = [frames + Math.floor(step / 2), frames + step]
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (isFrame(middle)) low = middle
      else high = middle
    }
    frames = low
    return frames
  }

  return {
    get frames() {
      return frames
    },
    get bytes() {
      return frames === 0 ? 0 : offset(frames + 1)
    },
    look,
    cut() {
      look()
      const nothing = Buffer.alloc(frameHeaderBytes)
      while (frames > 0 && isFrame(frames) && head.readUInt32BE(4) === 0) {
        writeSync(fd, nothing, 0, nothing.length, offset(frames))
        frames -= 1
      }
    },
    restarted() {
      salts = undefined
      frames = 0
    },
    read() {
      const bytes = Buffer.alloc(offset(frames + 1))
      const length = readSync(fd, bytes, 0, bytes.length, 0)
      const pages = length === bytes.length && isHeader(bytes) ? chain(bytes, frames, frameBytes) : []
      return pages.length === frames ? { bytes, pages } : undefined
    },
  }
}

/** What the log of a file looks like before anything was written to it by us. */
export function inspect(fd: number): 'empty' | 'sound' | 'garbage' {
  const header = Buffer.alloc(headerBytes)
  const length = readSync(fd, header, 0, headerBytes, 0)
  // Zeros are our own mark that the database has it all; they and a short file are also what a cut of power leaves of a new log.
  if (length < headerBytes || header.every((byte) => byte === 0)) return 'empty'
  return isHeader(header) ? 'sound' : 'garbage'
}

function isHeader(bytes: Buffer): boolean {
  const magic = bytes.readUInt32BE(0)
  if (magic !== 0x377f0682 && magic !== 0x377f0683) return false
  const [a, b] = checksum(bytes, 0, 24, [0, 0], magic === 0x377f0682)
  return a === bytes.readUInt32BE(24) && b === bytes.readUInt32BE(28)
}

/** The frames that are whole and follow each other. */
function chain(bytes: Buffer, frames: number, frameBytes: number): { number: number; at: number }[] {
  const little = bytes.readUInt32BE(0) === 0x377f0682
  const pages = []
  let sums: [number, number] = [bytes.readUInt32BE(24), bytes.readUInt32BE(28)]
  for (let frame = 0; frame < frames; frame += 1) {
    const at = headerBytes + frame * frameBytes
    sums = checksum(bytes, at, at + 8, sums, little)
    sums = checksum(bytes, at + frameHeaderBytes, at + frameBytes, sums, little)
    const isSame = bytes.compare(bytes, 16, 24, at + 8, at + 16) === 0 && sums[0] === bytes.readUInt32BE(at + 16) && sums[1] === bytes.readUInt32BE(at + 20)
    if (!isSame) break
    pages.push({ number: bytes.readUInt32BE(at), at: at + frameHeaderBytes })
  }
  return pages
}

/** https://sqlite.org/fileformat2.html#checksum_algorithm */
function checksum(bytes: Buffer, from: number, to: number, [first, second]: [number, number], little: boolean): [number, number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let [a, b] = [first, second]
  for (let at = from; at < to; at += 8) {
    a = (a + view.getUint32(at, little) + b) >>> 0
    b = (b + view.getUint32(at + 4, little) + a) >>> 0
  }
  return [a, b]
}
