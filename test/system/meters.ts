/** What processes of a test domain use, looked at from outside while something goes on. */
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

export interface Row {
  /** Since the meter began, in ms. */
  readonly at: number
  /** Anonymous memory of each process, in bytes: its own, not the pages of files that the kernel may take back. */
  readonly bytes: Readonly<Record<string, number>>
}

/** Looks every `everyMs` until it is ended. `also` is awaited at each look. */
export function startMeters(pids: Readonly<Record<string, number>>, everyMs: number, also: () => Promise<void> = async () => {}) {
  const rows: Row[] = []
  const ending = new AbortController()
  const began = performance.now()
  const looking = (async () => {
    while (!ending.signal.aborted) {
      rows.push({ at: performance.now() - began, bytes: Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, anonymousOf(pid)])) })
      await also()
      await wait(everyMs, undefined, { signal: ending.signal }).catch(() => {})
    }
  })()
  return {
    async end(): Promise<readonly Row[]> {
      ending.abort()
      await looking
      return rows
    },
  }
}

function anonymousOf(pid: number): number {
  return 1024 * Number(/^RssAnon:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? Number.NaN)
}

/** Median of each third: what grows shows in the last, and what a heap takes and gives back does not. */
export function thirds(rows: readonly Row[], name: string): [first: number, middle: number, last: number] {
  const values = rows.map(({ bytes }) => bytes[name] ?? Number.NaN)
  const part = (from: number, to: number) => {
    const sorted = values.slice(Math.floor(values.length * from), Math.ceil(values.length * to)).sort((a, b) => a - b)
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  }
  return [part(0, 1 / 3), part(1 / 3, 2 / 3), part(2 / 3, 1)]
}
