/**
 * A cut of power, from a trace: what was synced is there; of what was written since, any part may be, in any order, by sectors
 * or by pages of the system; what a sync that failed should have brought stays as far as it came, and no later one brings the rest; a name is there for certain, or gone for certain, only after a sync of the folder.
 */
import type { Step } from './trace.ts'

/** 0 <= random() < 1 */
export type Random = () => number

export interface SimulatedDisk {
  take(step: Step): void
  /** Contents by name, as found after power is back, had it been cut now. */
  cut(random: Random): Map<string, Buffer>
}

interface Write {
  readonly offset: number
  readonly bytes: Buffer
}

interface File {
  durable: Buffer
  /** Since, oldest first. */
  writes: Write[]
  name: 'new' | 'kept' | 'removed'
}

export function createDisk(random: Random): SimulatedDisk {
  // A name that is used again is another file; the former one may still be there after the cut.
  const files = new Map<string, File>()
  const former = new Map<string, File>()
  /** What a sync in flight will have made durable when it ends: writes that came before it began. */
  const flights = new Map<number, (isDone: boolean) => void>()

  const take = (step: Step) => {
    if (step.is === 'write') {
      const file = files.get(step.file) ?? { durable: Buffer.alloc(0), writes: [], name: 'new' as const }
      files.set(step.file, file)
      file.writes.push(step)
    } else if (step.is === 'removed') {
      const file = files.get(step.file)
      if (file === undefined) return
      files.delete(step.file)
      if (file.name === 'kept') former.set(step.file, { ...file, name: 'removed' })
    } else if (step.is === 'sync') {
      flights.set(step.sync, step.file === '.' ? namesAreKept() : contentIsKept(step.file))
    } else if (step.is === 'synced') {
      flights.get(step.sync)?.(true)
      flights.delete(step.sync)
    } else if (step.is === 'sync failed') {
      flights.get(step.sync)?.(false)
      flights.delete(step.sync)
    } else if (step.is === 'truncated') {
      const file = files.get(step.file)
      if (file !== undefined && step.bytes < lengthOf(file.durable, file.writes)) throw new Error('A file becomes shorter: this disk does not know how')
    }
  }

  const contentIsKept = (name: string) => {
    const file = files.get(name)
    const count = file?.writes.length ?? 0
    return (isDone: boolean) => {
      if (file === undefined) return
      const writes = file.writes.splice(0, count)
      file.durable = isDone ? over(file.durable, writes) : contentAfter({ durable: file.durable, writes }, random)
    }
  }

  const namesAreKept = () => {
    const present = [...files.values()]
    const gone = [...former.keys()]
    return (isDone: boolean) => {
      if (!isDone) return
      for (const file of present) file.name = 'kept'
      for (const name of gone) former.delete(name)
    }
  }

  const cut = (random: Random) => {
    const found = new Map<string, Buffer>()
    for (const [name, file] of former) if (random() < 0.5) found.set(name, contentAfter(file, random))
    for (const [name, file] of files) if (file.name === 'kept' || random() < 0.7) found.set(name, contentAfter(file, random))
    return found
  }
  return { take, cut }
}

/** Each piece as it was after some number of the writes to it; pieces of a size and a likelihood that this cut has chosen. */
function contentAfter({ durable, writes }: Pick<File, 'durable' | 'writes'>, random: Random): Buffer {
  const piece = random() < 0.5 ? 512 : 4096
  const likely = [0, 0.1, 0.5, 0.9, 1][Math.floor(random() * 5)] ?? 0
  const kept: Write[] = []
  const stopped = new Set<number>()
  for (const { offset, bytes } of writes) {
    for (let from = offset; from < offset + bytes.length; ) {
      const index = Math.floor(from / piece)
      const to = Math.min((index + 1) * piece, offset + bytes.length)
      if (!stopped.has(index) && random() >= likely) stopped.add(index)
      if (!stopped.has(index)) kept.push({ offset: from, bytes: bytes.subarray(from - offset, to - offset) })
      from = to
    }
  }
  return over(durable, kept)
}

function over(content: Buffer, writes: readonly Write[]): Buffer {
  const whole = Buffer.alloc(lengthOf(content, writes))
  content.copy(whole)
  for (const { offset, bytes } of writes) bytes.copy(whole, offset)
  return whole
}

function lengthOf(content: Buffer, writes: readonly Write[]): number {
  return writes.reduce((most, { offset, bytes }) => Math.max(most, offset + bytes.length), content.length)
}
