/**
 * The write-ahead log as a file: how many frames it holds, and whether they are what SQLite wrote. SQLite itself tells neither.
 * Form: https://sqlite.org/fileformat2.html#the_write_ahead_log
 */
import { fstatSync, readSync, writeSync } from 'node:fs'

export const headerBytes = 32
const frameHeaderBytes = 24

/** A page in the log: its number in the database, and where it begins in the bytes of the log. */
export interface LoggedPage {
  readonly number: number
  readonly at: number
}

export interface Wal {
  /** As of the last look. */
  readonly frames: number
  /** Looks how far it has grown. Only right after a commit: frames of a transaction that failed would be counted too. */
  look(): void
  /** Unmakes frames of a transaction that failed. */
  cut(): void
  /** The next commit begins it anew. */
  restarted(): void
  /** The whole log, each frame checked; undefined when what was written cannot be read back: the system has dropped it. */
  read(): { bytes: Buffer; pages: LoggedPage[] } | undefined
}

/** A log that was left by another process is taken up to its last whole commit, as SQLite does. */
export function createWal(fd: number, pageSize: number): Wal {
  const frameBytes = frameHeaderBytes + pageSize
  const head = Buffer.alloc(frameHeaderBytes)
  const nothing = Buffer.alloc(frameHeaderBytes)
  let salts: bigint | undefined
  let frames = 0
  /** By so many it grew between the last two looks. */
  let growth = 1

  const offset = (frame: number) => headerBytes + (frame - 1) * frameBytes
  /** A frame belongs to the present log when it has the salts of the header. */
  const isFrame = (frame: number) => readSync(fd, head, 0, frameHeaderBytes, offset(frame)) === frameHeaderBytes && head.readBigUInt64BE(8) === salts
  const isCommit = () => head.readUInt32BE(4) !== 0

  const readSalts = () => {
    const header = Buffer.alloc(headerBytes)
    if (readSync(fd, header, 0, headerBytes, 0) === headerBytes && isHeader(header)) salts = header.readBigUInt64BE(16)
    return salts !== undefined
  }

  const look = () => {
    if (salts === undefined && !readSalts()) return
    // Frames are one run. Each look costs a call of the system: about as far as last time, then ever further, then by halves.
    let low = frames
    let high = frames + growth
    for (let step = 1; isFrame(high); step *= 2) {
      low = high
      high += step
    }
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (isFrame(middle)) low = middle
      else high = middle
    }
    growth = Math.max(1, low - frames)
    frames = low
  }

  /** The next transaction may be shorter than what a failed one, or a cut of power, has left behind the last commit. */
  const unmake = (frame: number) => writeSync(fd, nothing, 0, nothing.length, offset(frame))

  const takeOver = () => {
    if (!readSalts()) return
    const length = Math.floor((fstatSync(fd).size - headerBytes) / frameBytes)
    const bytes = Buffer.alloc(headerBytes + length * frameBytes)
    readSync(fd, bytes, 0, bytes.length, 0)
    const pages = chain(bytes, length, frameBytes)
    frames = pages.findLastIndex(({ at }) => bytes.readUInt32BE(at - frameHeaderBytes + 4) !== 0) + 1
    // Behind a gap, frames of the same log may follow.
    for (let frame = frames + 1; frame <= length; frame += 1) if (isFrame(frame)) unmake(frame)
    if (frames === 0) salts = undefined
  }
  takeOver()

  return {
    get frames() {
      return frames
    },
    look,
    cut() {
      look()
      while (frames > 0 && isFrame(frames) && !isCommit()) frames -= 1
      for (let frame = frames + 1; salts !== undefined && isFrame(frame); frame += 1) unmake(frame)
      // SQLite may choose other salts when it begins again.
      if (frames === 0) salts = undefined
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
export function inspect(fd: number): 'new' | 'emptied' | 'sound' | 'garbage' {
  const header = Buffer.alloc(headerBytes)
  const length = readSync(fd, header, 0, headerBytes, 0)
  // Less than a header is what a cut of power leaves of a new log.
  if (length < headerBytes) return 'new'
  if (header.every((byte) => byte === 0)) return 'emptied'
  return isHeader(header) ? 'sound' : 'garbage'
}

/** A log that begins with the first page of its database, as one does that was never emptied: the head of that page, maybe torn. */
export function firstPageIn(fd: number, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(headerBytes + frameHeaderBytes + length)
  const isWhole = readSync(fd, bytes, 0, bytes.length, 0) === bytes.length
  return isWhole && isHeader(bytes) && bytes.readUInt32BE(headerBytes) === 1 ? bytes.subarray(headerBytes + frameHeaderBytes) : undefined
}

function isHeader(bytes: Buffer): boolean {
  const magic = bytes.readUInt32BE(0)
  if (magic !== 0x377f0682 && magic !== 0x377f0683) return false
  const [a, b] = checksum(viewOf(bytes), 0, 24, [0, 0], magic === 0x377f0682)
  return a === bytes.readUInt32BE(24) && b === bytes.readUInt32BE(28)
}

/** The first of these frames that are whole and follow each other. */
function chain(bytes: Buffer, frames: number, frameBytes: number): LoggedPage[] {
  const view = viewOf(bytes)
  const little = bytes.readUInt32BE(0) === 0x377f0682
  const pages: LoggedPage[] = []
  let sums: Sums = [bytes.readUInt32BE(24), bytes.readUInt32BE(28)]
  for (let frame = 0; frame < frames; frame += 1) {
    const at = headerBytes + frame * frameBytes
    sums = checksum(view, at, at + 8, sums, little)
    sums = checksum(view, at + frameHeaderBytes, at + frameBytes, sums, little)
    const isSound = bytes.compare(bytes, 16, 24, at + 8, at + 16) === 0 && sums[0] === bytes.readUInt32BE(at + 16) && sums[1] === bytes.readUInt32BE(at + 20)
    if (!isSound) break
    pages.push({ number: bytes.readUInt32BE(at), at: at + frameHeaderBytes })
  }
  return pages
}

type Sums = readonly [number, number]

/** https://sqlite.org/fileformat2.html#checksum_algorithm */
function checksum(view: DataView, from: number, to: number, [first, second]: Sums, little: boolean): Sums {
  let [a, b] = [first, second]
  for (let at = from; at < to; at += 8) {
    a = (a + view.getUint32(at, little) + b) >>> 0
    b = (b + view.getUint32(at + 4, little) + a) >>> 0
  }
  return [a, b]
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
