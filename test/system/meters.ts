/** What processes of a test domain use, looked at from outside while something goes on. */
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

/** In MiB. */
export interface Used {
  /** Memory of its own, not the pages of files that the kernel may take back. */
  readonly anonymous: number
  /** Of that what malloc gave: all that is not in heaps of V8, which grow and shrink in long waves. */
  readonly malloc: number
}

/** Looks every `everyMs` until it is ended. `also` is awaited at each look. */
export function startMeters<Name extends string>(pids: Readonly<Record<Name, number>>, everyMs: number, also: () => Promise<void> = async () => {}) {
  const rows = Object.fromEntries(Object.keys(pids).map((name) => [name, []])) as unknown as Record<Name, Used[]>
  const ending = new AbortController()
  const looking = (async () => {
    while (!ending.signal.aborted) {
      for (const name of Object.keys(pids) as Name[]) rows[name].push(usedBy(pids[name]))
      await also()
      await wait(everyMs, undefined, { signal: ending.signal }).catch(() => {})
    }
  })()
  return {
    async end(): Promise<Readonly<Record<Name, readonly Used[]>>> {
      ending.abort()
      await looking
      return rows
    },
  }
}

/** `Anonymous` of each mapping (proc_pid_smaps(5)). With one arena all of malloc's small pieces are in the one called [heap]. */
function usedBy(pid: number): Used {
  let anonymous = 0
  let malloc = 0
  let isHeap = false
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'latin1').split('\n')) {
    if (/^[0-9a-f]+-/.test(line)) isHeap = line.endsWith('[heap]')
    const kilobytes = Number(/^Anonymous: +(\d+) kB$/.exec(line)?.[1] ?? 0)
    anonymous += kilobytes / 1024
    if (isHeap) malloc += kilobytes / 1024
  }
  return { anonymous, malloc }
}

/** Median of each third of the time: what grows shows in the last. */
export function thirds(rows: readonly Used[], what: keyof Used): readonly [first: number, middle: number, last: number] {
  const part = (from: number, to: number) => {
    const sorted = rows
      .slice(Math.floor(rows.length * from), Math.ceil(rows.length * to))
      .map((used) => used[what])
      .sort((a, b) => a - b)
    return Math.round(10 * (sorted[Math.floor(sorted.length / 2)] ?? Number.NaN)) / 10
  }
  return [part(0, 1 / 3), part(1 / 3, 2 / 3), part(2 / 3, 1)]
}
