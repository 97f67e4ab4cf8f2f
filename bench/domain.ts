/** A throw-away domain for a benchmark: `ipdc dev` as a child, in a home of its own that is removed at the end. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { type Command, type Meter, start } from './measure.ts'

const door = join(import.meta.dirname, '../bin/run.js')

export interface BenchDomain {
  /** An `ipdc` command line that reaches the first node: `command(['node', 'list'])`. */
  command(args: readonly string[]): Pick<Command, 'argv' | 'env'>
}

/** Runs `work` while `nodes` agents are up. Their whole life is on the meter. */
export async function withDomain<T>(nodes: number, meter: Meter, work: (domain: BenchDomain) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), 'ipdc-bench-home-'))
  const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? home, IPDC_HOME: home, NODE_NO_WARNINGS: '1' }
  const command = (args: readonly string[]): Pick<Command, 'argv' | 'env'> => ({ argv: [process.execPath, door, ...args], env })
  const domain = start({ ...command(['dev', '--nodes', String(nodes)]), errors: 'pipe' })
  meter.watch(domain)
  const ended = once(domain, 'exit')
  try {
    await said(domain.stderr, 'is up')
    return await work({ command })
  } finally {
    domain.kill('SIGINT')
    await ended
    await rm(home, { recursive: true, force: true })
  }
}

/** Resolves when a line with these words came; the lines after it are read and thrown away. */
function said(stream: Readable | null, words: string): Promise<void> {
  if (stream === null) throw new Error('no standard error')
  const lines: string[] = []
  return new Promise((resolve, reject) => {
    const reader = createInterface({ input: stream })
    reader.on('line', (line) => {
      lines.push(line)
      if (line.includes(words)) resolve()
    })
    reader.once('close', () => reject(new Error(`the domain ended: ${lines.slice(-5).join(' / ')}`)))
  })
}
