/**
 * `npm run bench:idle [-- --seconds 20]`: what an agent with nothing to do holds and uses, beside a bare Node of the same version.
 * RSS counts shared file pages; anonymous memory is what a board of 128 MB really gives up.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createEmbeddedBroker } from '../src/core/wire/embedded.ts'

const { values: flags } = parseArgs({
  options: { seconds: { type: 'string', default: '20' }, door: { type: 'string', default: join(import.meta.dirname, '../bin/agent.js') } },
})
const seconds = Number(flags.seconds)
const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/', NODE_NO_WARNINGS: '1' }
/** The heap of a board: what scripts for 128 MB set. */
const small = ['--max-semi-space-size=1', '--max-old-space-size=48']

interface Idle {
  readonly rssMb: number
  readonly anonMb: number
  readonly cpuPercent: number
}

const broker = await createEmbeddedBroker({ host: '127.0.0.1', port: 0 })
const rows: [string, Idle][] = [
  ['bare Node', await idle([], () => ['-e', 'setInterval(() => {}, 1e6)'])],
  ['idle agent', await idle([], agent)],
  ['idle agent, small heap', await idle(small, agent)],
]
await broker.close()

console.log(`Idle for ${seconds} s, Node ${process.versions.node}\n`)
console.log(`${''.padEnd(24)}${'RSS MB'.padStart(10)}${'anon. MB'.padStart(10)}${'CPU %'.padStart(10)}`)
for (const [name, { rssMb, anonMb, cpuPercent }] of rows)
  console.log(`${name.padEnd(24)}${rssMb.toFixed(1).padStart(10)}${anonMb.toFixed(1).padStart(10)}${cpuPercent.toFixed(2).padStart(10)}`)

function agent(home: string): string[] {
  return [flags.door, '--home', home, '--broker', broker.url, '--ready-fd', '3']
}

async function idle(node: readonly string[], argv: (home: string) => string[]): Promise<Idle> {
  const home = await mkdtemp(join(tmpdir(), 'ipdc-bench-idle-'))
  const args = argv(home)
  const child = spawn(process.execPath, [...node, ...args], { env, stdio: ['ignore', 'ignore', 'inherit', 'pipe'] })
  try {
    if (args.includes('--ready-fd')) await line(child)
    await pause(2_000) // what start-up left is collected or settled
    const before = await ticks(child)
    await pause(seconds * 1000)
    const status = await readFile(`/proc/${child.pid}/status`, 'latin1')
    const kb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1])
    return { rssMb: kb('VmRSS') / 1000, anonMb: kb('RssAnon') / 1000, cpuPercent: (((await ticks(child)) - before) / 100 / seconds) * 100 }
  } finally {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
    await rm(home, { recursive: true, force: true })
  }
}

async function line(child: ChildProcess): Promise<void> {
  for await (const said of createInterface({ input: child.stdio[3] as Readable })) {
    if (!said.includes('"ready":true')) throw new Error(said)
    return
  }
  throw new Error('the agent ended')
}

/** CPU used, in ticks of 10 ms: fields 14 and 15 of proc(5) stat. */
async function ticks({ pid }: ChildProcess): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
