/**
 * What a command costs: CPU seconds and memory of its whole process tree. CPU is what the kernel charges this process for children
 * that it has waited for, which includes all that they waited for; processes that their parents did not wait for are added from
 * samples of /proc. Linux only. One at a time.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'

/** /proc counts CPU in these, on every Linux that Node runs on. */
const ticksPerSecond = 100
const sampleMs = 50

export interface Cost {
  /** User and system time of the tree. */
  readonly cpuSeconds: number
  readonly wallSeconds: number
  /** Sum over the tree of what each process held at its peak (VmHWM), as last seen: never less than the tree held at once, but for processes of a few ms. */
  readonly peakBytes: number
}

export interface Command {
  readonly argv: readonly [program: string, ...args: string[]]
  readonly env?: NodeJS.ProcessEnv
  /** Where its standard output goes. @default nowhere */
  readonly output?: string
  /** Where its standard error goes. @default to ours */
  readonly errors?: 'inherit' | 'pipe'
}

/** Runs a command to its end. Throws when it fails. */
export async function measure(command: Command): Promise<Cost> {
  const meter = startMeter()
  const child = start(command)
  meter.watch(child)
  const [status, signal] = (await once(child, 'exit')) as [number | null, string | null]
  const cost = meter.stop()
  if (status !== 0) throw new Error(`${command.argv.join(' ')} ended with ${status ?? signal}`)
  return cost
}

export function start({ argv: [program, ...args], env = process.env, output, errors = 'inherit' }: Command): ChildProcess {
  const out = output === undefined ? 'ignore' : openSync(output, 'w')
  try {
    return spawn(program, args, { env, stdio: ['ignore', out, errors] })
  } finally {
    if (out !== 'ignore') closeSync(out)
  }
}

export interface Meter {
  /** Counts a child of this process and all below it, from now on. */
  watch(child: ChildProcess): void
  /** Of what it watches, so far. */
  cpuSeconds(): number
  /** After the children have ended. */
  stop(): Cost
}

/** Measures what happens between now and `stop`: several commands may belong together. */
export function startMeter(): Meter {
  const began = performance.now()
  const before = waitedTicks()
  const roots = new Set<number>()
  const seen = new Map<string, Process>()
  const timer = setInterval(sample, sampleMs)

  function sample(): void {
    for (const process of treeOf(roots)) {
      const name = `${process.pid} ${process.started}`
      // One that has ended and is not waited for yet has no memory any more.
      seen.set(name, { ...process, peakBytes: Math.max(process.peakBytes, seen.get(name)?.peakBytes ?? 0) })
    }
  }

  return {
    watch: (child) => {
      if (child.pid !== undefined) roots.add(child.pid)
      sample()
    },
    cpuSeconds: () => treeOf(roots).reduce((sum, { ticks }) => sum + ticks, 0) / ticksPerSecond,
    stop: () => {
      clearInterval(timer)
      const processes = [...seen.values()]
      const sampled = processes.reduce((sum, { ticks }) => sum + ticks, 0)
      return {
        // Waited for is exact; sampled misses the last moments, but sees those that nobody waited for.
        cpuSeconds: Math.max(waitedTicks() - before, sampled) / ticksPerSecond,
        wallSeconds: (performance.now() - began) / 1000,
        peakBytes: processes.reduce((sum, { peakBytes }) => sum + peakBytes, 0),
      }
    },
  }
}

interface Stat {
  readonly pid: number
  readonly parent: number
  readonly ticks: number
  /** When it started: with the pid it is its name. */
  readonly started: number
}

interface Process extends Stat {
  readonly peakBytes: number
}

function treeOf(roots: ReadonlySet<number>): Process[] {
  const all = new Map<number, Stat>()
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? read(() => statOf(Number(name))) : undefined
    if (stat !== undefined) all.set(stat.pid, stat)
  }
  const isIn = (stat: Stat | undefined): boolean => stat !== undefined && (roots.has(stat.pid) || isIn(all.get(stat.parent)))
  return [...all.values()].filter(isIn).flatMap((stat) => {
    const peakBytes = read(() => peakOf(stat.pid))
    return peakBytes === undefined ? [] : [{ ...stat, peakBytes }]
  })
}

/** CPU that one process has used, its threads' too. */
export function cpuSecondsOf(pid: number): number {
  return statOf(pid).ticks / ticksPerSecond
}

function statOf(pid: number): Stat {
  const field = fieldsOf(`/proc/${pid}/stat`)
  return { pid, parent: field(4), ticks: field(14) + field(15), started: field(22) }
}

function peakOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024
}

/** Undefined where the process ended meanwhile. */
function read<T>(what: () => T): T | undefined {
  try {
    return what()
  } catch {
    return undefined
  }
}

/** CPU of all children of this process that ended, and of theirs. */
function waitedTicks(): number {
  const field = fieldsOf('/proc/self/stat')
  return field(16) + field(17)
}

/** Fields by their numbers in proc(5). The second, a name, may hold blanks and brackets. */
function fieldsOf(path: string): (number: number) => number {
  const text = readFileSync(path, 'latin1')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (number) => Number(fields[number - 3])
}
