/**
 * What this machine has left for tasks: memory, disk, and processors that others do not use. A few small reads; where Linux does not
 * tell, it counts as plenty.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { freemem, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import type { Clock } from '../src/core/ports.ts'
import type { Sample } from './slots.ts'

export type Measured = Pick<Sample, 'othersCores' | 'memory' | 'diskFree'>

export interface Meter {
  measure(): Promise<Measured>
  close(): void
}

/** `paths`: folders of what grows. */
export function openMeter({ paths, clock }: { readonly paths: readonly string[]; readonly clock: Pick<Clock, 'now'> }): Meter {
  const processors = openProcessors(clock)
  const groups = memoryGroups()
  return {
    async measure() {
      const own = process.memoryUsage.rss()
      const total = Math.min(totalmem(), ...groups.map(({ limit }) => limit))
      const free = Math.min(freemem(), ...groups.map(freeOf))
      return { othersCores: processors.others(), memory: { free, total, own }, diskFree: await diskFree(paths) }
    },
    close: () => processors.close(),
  }
}

async function diskFree(paths: readonly string[]): Promise<number> {
  const all = await Promise.all(
    paths.map((path) =>
      statfs(path).then(
        ({ bavail, bsize }) => bavail * bsize,
        () => Number.POSITIVE_INFINITY,
      ),
    ),
  )
  return Math.min(Number.POSITIVE_INFINITY, ...all)
}

/** Hundredths of a second in /proc/stat, whatever the kernel's own clock (proc(5), sysconf(_SC_CLK_TCK)). */
const tickMs = 10

function openProcessors(clock: Pick<Clock, 'now'>) {
  const head = Buffer.alloc(256)
  let fd: number | undefined
  try {
    fd = openSync('/proc/stat', 'r')
  } catch {
    // Not Linux.
  }
  /** All work on the machine, in ms of a processor: user, system, irq, softirq and stolen; what is nice gives way by itself. */
  const busyMs = (): number => {
    if (fd === undefined) return 0
    const [user = 0, , system = 0, , , irq = 0, softirq = 0, steal = 0] =
      head
        .toString('latin1', 0, readSync(fd, head, 0, head.length, 0))
        .split('\n', 1)[0]
        ?.split(/ +/)
        .slice(1)
        .map(Number) ?? []
    return (user + system + irq + softirq + steal) * tickMs
  }
  const ownMs = () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  let last = { at: clock.now(), busy: busyMs(), own: ownMs() }
  return {
    others(): number {
      const now = { at: clock.now(), busy: busyMs(), own: ownMs() }
      const ms = now.at - last.at
      const others = ms > 0 ? Math.max(0, now.busy - last.busy - (now.own - last.own)) / ms : 0
      last = now
      return others
    },
    close(): void {
      if (fd !== undefined) closeSync(fd)
    },
  }
}

interface Group {
  readonly limit: number
  readonly used: string
  readonly stat: string
}

/** Control groups with a limit that this process lives under: it may have far less than the machine. Both versions. */
function memoryGroups(): Group[] {
  let lines: string[]
  try {
    lines = readFileSync('/proc/self/cgroup', 'utf8').split('\n')
  } catch {
    return []
  }
  const groups: Group[] = []
  for (const line of lines) {
    const [number, controllers = '', path = ''] = line.split(':')
    const isOld = controllers.split(',').includes('memory')
    if (!isOld && number !== '0') continue
    const [root, limit, used] = isOld
      ? ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes', 'memory.usage_in_bytes']
      : ['/sys/fs/cgroup', 'memory.max', 'memory.current']
    // In a container the path is often that of the host, and the group itself is at the root.
    for (let at = join('/', path); ; at = dirname(at)) {
      const bytes = numberIn(join(root, at, limit))
      if (bytes !== undefined && bytes < totalmem()) groups.push({ limit: bytes, used: join(root, at, used), stat: join(root, at, 'memory.stat') })
      if (at === '/') break
    }
  }
  return groups
}

/** What the page cache holds of files can be had for the asking. */
function freeOf({ limit, used, stat }: Group): number {
  const bytes = numberIn(used)
  if (bytes === undefined) return Number.POSITIVE_INFINITY
  let cached = 0
  try {
    cached = Number(/^(?:total_)?inactive_file (\d+)$/m.exec(readFileSync(stat, 'latin1'))?.[1] ?? 0)
  } catch {
    // Then none is counted.
  }
  return Math.max(0, limit - bytes + cached)
}

function numberIn(path: string): number | undefined {
  try {
    const text = readFileSync(path, 'latin1').trim()
    return /^\d+$/.test(text) ? Number(text) : undefined
  } catch {
    return undefined
  }
}
