/**
 * Where log lines go: a descriptor that is written at once, so that none is missing when the process ends. A line that cannot be
 * written, as on a full disk, is dropped: nobody waits for it. How many were is said when lines can be written again.
 */
import { writeSync } from 'node:fs'

export interface LogOutput {
  /** A whole line, with its end. Never throws. */
  write(line: string): void
}

/** `lost` is the line that tells how many were dropped. */
export function createLogOutput(fd: number, lost: (count: number) => string): LogOutput {
  /** Of a line whose beginning is written: without it the next one would be torn too. Never more than a line and a count. */
  let rest: Buffer = Buffer.alloc(0)
  let dropped = 0

  /** Whether any of it is written now; what is left of it is `rest`. */
  function put(bytes: Buffer): boolean {
    let written = 0
    try {
      while (written < bytes.length) written += writeSync(fd, bytes, written)
    } catch {
      // ENOSPC, EDQUOT, EIO, EAGAIN, EPIPE: whatever it is, work goes on without its log.
    }
    const isBegun = written > 0 || bytes.length === 0
    if (isBegun) rest = bytes.subarray(written)
    return isBegun
  }

  const isWhole = () => rest.length === 0 || (put(rest) && rest.length === 0)

  return {
    write(line) {
      // In one, so that where there is a little room it does not go to counts alone.
      const text = dropped === 0 ? line : `${lost(dropped)}${line}`
      if (isWhole() && put(Buffer.from(text))) dropped = 0
      else dropped++
    },
  }
}
