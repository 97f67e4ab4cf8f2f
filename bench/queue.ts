/**
 * `npm run bench:queue [-- --rounds 3 --dir FOLDER]`: BullMQ on a file of this process beside BullMQ on redis-server with AOF
 * everysec, in turn. CPU is of both processes where there are two. Each measure is a Node of its own with the flags of an agent on a
 * small board; its files lie on a real disk. Linux only.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { openRedis } from '../test/services/redis.ts'
import { find } from '../test/services.ts'
import type { Answer, Load, Memory, Order } from './queue-load.ts'
import { picture, verdict } from './verdict.ts'

const root = join(import.meta.dirname, '..')
/** What an agent starts with on a board of 128 MB. */
const flagsOfBoard = ['--optimize-for-size', '--max-old-space-size=32', '--max-semi-space-size=1', '--v8-pool-size=0', '--expose-gc']
const envOfBoard = { MALLOC_ARENA_MAX: '1', UV_THREADPOOL_SIZE: '1', NODE_NO_WARNINGS: '1' }
const mb = 1e6

type Name = 'redis' | 'normal' | 'full'
const names: readonly Name[] = ['redis', 'normal', 'full']
const titles: Readonly<Record<Name, string>> = { redis: 'redis-server, AOF everysec', normal: "SQLite, 'normal'", full: "SQLite, 'full'" }
const loads: readonly { load: Load; title: string; jobs: number }[] = [
  { load: 'c8', title: 'add and process, 8 at a time', jobs: 5000 },
  { load: 'ids', title: 'the same, ids given, as an agent', jobs: 5000 },
  { load: 'c1', title: 'add and process, one at a time', jobs: 1000 },
  { load: 'add', title: 'add, one at a time', jobs: 1000 },
  { load: 'bulk', title: 'add, 200 in one call', jobs: 10_000 },
]

let files = 0

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, dir: { type: 'string' } } })
process.exitCode = await main()

async function main(): Promise<number> {
  const program = find('redis-server')
  if (program === undefined) {
    console.log('redis-server is not installed: npm run services')
    return 1
  }
  const disk = await diskFolder(flags.dir === undefined ? [tmpdir(), '/var/tmp', root] : [flags.dir])
  const folder = await mkdtemp(join(disk, 'ipdc-bench-queue-'))
  // Node strips no types where an agent runs, and the stripper is large: the measures are of JavaScript.
  const script = join(root, 'node_modules', `.ipdc-bench-${process.pid}.mjs`)
  try {
    await build({
      entryPoints: [join(root, 'bench/queue-load.ts')],
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      target: 'es2024',
    })
    const held = (load: 'backlog' | 'emptied') => middle(3, () => ask(script, flagsOfBoard, { load, jobs: 20_000, store: file(folder, 'normal') }))
    const rates = await compare(program, folder, script)
    // Of the same 20,000 jobs: they wait, or they are gone.
    const [backlog, idle] = [await held('backlog'), await held('emptied')]
    const bare = await bareNode()
    const open = await ask(script, flagsOfBoard, { load: 'open', jobs: 0, store: file(folder, 'normal') })
    return report(rates, { bare, open: open.memory, idle, backlog })
  } finally {
    await rm(script, { force: true })
    await rm(folder, { recursive: true, force: true })
  }
}

type Rates = Readonly<Record<string, Readonly<Record<Name, { cost: Answer; diskBytes: number; givenBytes: number }>>>>

/** Per job. Of the rounds that with the least CPU, and of the bytes their mean. */
async function compare(program: string, folder: string, script: string): Promise<Rates> {
  process.env.TMPDIR = folder
  const redis = await openRedis({ program, conf: ['--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec', '--auto-aof-rewrite-percentage', '0'] })
  const rounds = Number(flags.rounds)
  const rates: Record<string, Record<string, { cost: Answer; diskBytes: number; givenBytes: number }>> = {}
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const { load, title, jobs } of loads) {
        for (const name of names) {
          console.error(`Round ${round} of ${rounds}: ${title}, ${titles[name]}`)
          const store = name === 'redis' ? ({ is: 'redis', port: redis.port, pid: redis.pid } as const) : file(folder, name)
          const cost = per(jobs, await ask(script, [], { load, jobs, store }))
          const before = rates[load]?.[name]
          const best = before !== undefined && before.cost.cpuSeconds < cost.cpuSeconds ? before.cost : cost
          const sum = { diskBytes: (before?.diskBytes ?? 0) + cost.diskBytes / rounds, givenBytes: (before?.givenBytes ?? 0) + cost.givenBytes / rounds }
          rates[load] = { ...rates[load], [name]: { cost: best, ...sum } }
        }
      }
    }
  } finally {
    await redis.stop()
  }
  return rates as Rates
}

function per(jobs: number, answer: Answer): Answer {
  const { cpuSeconds, seconds, diskBytes, givenBytes } = answer
  return { ...answer, cpuSeconds: cpuSeconds / jobs, seconds: seconds / jobs, diskBytes: diskBytes / jobs, givenBytes: givenBytes / jobs }
}

function file(folder: string, durability: 'normal' | 'full'): Order['store'] {
  return { is: 'sqlite', path: join(folder, `queue-${++files}.db`), durability }
}

async function ask(script: string, nodeFlags: readonly string[], order: Order): Promise<Answer> {
  const env = nodeFlags.length === 0 ? {} : envOfBoard
  return JSON.parse(await outputOf([...nodeFlags, script, JSON.stringify(order)], env)) as Answer
}

/** What V8 keeps of its heap differs from run to run. */
async function middle(runs: number, measure: () => Promise<Answer>): Promise<Memory> {
  const seen: Memory[] = []
  for (let run = 0; run < runs; run++) seen.push((await measure()).memory)
  const of = (name: keyof Memory) => seen.map((memory) => memory[name]).sort((a, b) => a - b)[Math.floor(runs / 2)] ?? Number.NaN
  return { rss: of('rss'), anonymous: of('anonymous') }
}

async function bareNode(): Promise<Memory> {
  const code = `
    gc(); gc()
    const status = require('fs').readFileSync('/proc/self/status', 'latin1')
    const field = (name) => Number(new RegExp('^' + name + ':\\\\s+(\\\\d+) kB$', 'm').exec(status)[1]) * 1024
    console.log(JSON.stringify({ rss: field('VmRSS'), anonymous: field('RssAnon') }))`
  return JSON.parse(await outputOf([...flagsOfBoard, '-e', code], envOfBoard)) as Memory
}

async function outputOf(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [output, [status, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (status !== 0) throw new Error(`a measure ended with ${status ?? signal}: ${argv.at(-1)}`)
  return output
}

/** The first that does not lie in memory: there, nothing is ever written. */
async function diskFolder(folders: readonly string[]): Promise<string> {
  const inMemory = new Set([0x01021994, 0x858458f6]) // tmpfs, ramfs
  for (const folder of folders) {
    const { type } = await statfs(folder).catch(() => ({ type: 0x01021994 }))
    if (!inMemory.has(type)) return folder
  }
  throw new Error(`no folder on a disk: ${folders.join(', ')}`)
}

function report(rates: Rates, { bare, open, idle, backlog }: Record<'bare' | 'open' | 'idle' | 'backlog', Memory>): number {
  const more = { rss: backlog.rss - idle.rss, anonymous: backlog.anonymous - idle.anonymous }
  console.log(`BullMQ, payload of 250 bytes, removeOnComplete; the best of ${flags.rounds} rounds, Node ${process.versions.node}\n`)
  for (const { load, title } of loads) {
    const row = rates[load]
    if (row === undefined) continue
    console.log(
      `${title.padEnd(32)}${'CPU us/job'.padStart(12)}${'x Redis'.padStart(9)}${'jobs/s'.padStart(9)}${'disk B/job'.padStart(12)}${'given B/job'.padStart(13)}`,
    )
    for (const name of names) {
      const { cost, diskBytes, givenBytes } = row[name]
      const cpu = (cost.cpuSeconds * 1e6).toFixed(0).padStart(12)
      const ratio = (cost.cpuSeconds / row.redis.cost.cpuSeconds).toFixed(2).padStart(9)
      const bytes = [diskBytes.toFixed(0), name === 'redis' ? '-' : givenBytes.toFixed(0)]
      console.log(
        `  ${titles[name].padEnd(30)}${cpu}${ratio}${(1 / cost.seconds).toFixed(0).padStart(9)}${(bytes[0] ?? '').padStart(12)}${(bytes[1] ?? '').padStart(13)}  ${picture(cost.cpuSeconds, row.redis.cost.cpuSeconds)}`,
      )
    }
    console.log()
  }
  const row = (title: string, { rss, anonymous }: Memory) =>
    console.log(`${title.padEnd(32)}${(rss / mb).toFixed(1).padStart(12)}${(anonymous / mb).toFixed(1).padStart(12)}`)
  console.log(`${'Memory, flags of a small board'.padEnd(32)}${'RSS MB'.padStart(12)}${'anon. MB'.padStart(12)}`)
  row('  bare Node', bare)
  row('  queue opened', open)
  row('  20,000 jobs of 1 KB came, went', idle)
  row('  20,000 jobs of 1 KB waiting', backlog)
  row('    more than when idle', more)
  console.log()
  const c8 = rates.c8
  return verdict('bench:queue', [
    { name: 'CPU of add and process at c8, x Redis', value: (c8?.normal.cost.cpuSeconds ?? Number.NaN) / (c8?.redis.cost.cpuSeconds ?? Number.NaN), bar: 0.5 },
    { name: 'written KB a job', value: (c8?.normal.diskBytes ?? Number.NaN) / 1024, bar: 4 },
    { name: '20,000 jobs of 1 KB, MB', value: Math.max(more.rss, more.anonymous) / mb, bar: 5 },
    { name: 'opened over bare Node, MB', value: Math.max(open.rss - bare.rss, open.anonymous - bare.anonymous) / mb, bar: 30 },
  ])
}
