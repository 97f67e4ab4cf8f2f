/**
 * `npm run bench:wordcount -- --size 200M`: the word count of ipdc beside mawk and GNU coreutils, on the same text, in turn. All are
 * measured alike: CPU of the whole process tree, of ipdc its agents, broker and command from their start to their end. The results
 * must agree. mawk does not sort and writes one file; ipdc sorts and writes three.
 */
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bytesText, parseBytes } from '../src/commands/base/amounts.ts'
import { withDomain } from './domain.ts'
import { type Cost, measure, startMeter } from './measure.ts'
import { zipfText } from './text.ts'
import { verdict } from './verdict.ts'

/** What ipdc may cost, by the CPU of mawk. */
const goal = 1.0
const env = { PATH: process.env.PATH ?? '', LC_ALL: 'C' }
const mawkProgram = '{for(i=1;i<=NF;i++)c[$i]++}END{for(w in c)print w"\\t"c[w]}'

interface Contender {
  readonly name: string
  /** Counts the words of `text`, leaves the result in `folder`. */
  run(text: string, folder: string): Promise<Cost>
}

const contenders: readonly Contender[] = [
  {
    name: 'mawk',
    run: (text, folder) => measure({ argv: ['mawk', mawkProgram, text], env, output: join(folder, 'counts') }),
  },
  {
    name: 'coreutils',
    run: (text, folder) => measure({ argv: ['sh', '-c', `tr -s '[:space:]' '\\n' < "$1" | sort | uniq -c`, 'sh', text], env, output: join(folder, 'counts') }),
  },
  { name: 'ipdc, 1 agent', run: (text, folder) => runIpdc(1, text, folder) },
  { name: 'ipdc, 2 agents', run: (text, folder) => runIpdc(2, text, folder) },
]

interface Measured extends Contender {
  /** Of the rounds, the one that took the least CPU. */
  cost: Cost | undefined
  /** Of the result, in one form for all. */
  readonly digests: Set<string>
}

const { values: flags } = parseArgs({
  options: {
    size: { type: 'string', default: '200M' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
})
process.exitCode = await main()

async function main(): Promise<number> {
  const size = parseBytes(flags.size)
  const text = await zipfText({ size, seed: Number(flags.seed), say: (line) => console.error(line) })
  const chosen: Measured[] = contenders
    .filter(({ name }) => flags.only === undefined || flags.only.split(',').some((part) => name.startsWith(part)))
    .map(unmeasured)
  for (let round = 1; round <= Number(flags.rounds); round++) {
    for (const contender of chosen) {
      console.error(`Round ${round}: ${contender.name}`)
      await oneRound(contender, text)
    }
  }
  console.log(`Word count of ${bytesText(size)} of Zipf text (seed ${flags.seed}), ${flags.rounds} rounds, Node ${process.versions.node}\n`)
  console.log(tableOf(chosen))
  return judge(chosen)
}

function unmeasured(contender: Contender): Measured {
  return { ...contender, cost: undefined, digests: new Set() }
}

async function oneRound(contender: Measured, text: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ipdc-bench-out-'))
  try {
    const cost = await contender.run(text, folder)
    if (contender.cost === undefined || cost.cpuSeconds < contender.cost.cpuSeconds) contender.cost = cost
    contender.digests.add(await digestOf(folder))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function runIpdc(agents: number, text: string, folder: string): Promise<Cost> {
  const meter = startMeter()
  await withDomain(agents, meter, async ({ command }) => {
    await measure(command(['mr', 'wordcount', text, '--k', '3', '--output', join(folder, 'parts'), '--json']))
  })
  return meter.stop()
}

/** Of `word TAB count`, sorted, whoever wrote it: `uniq -c` writes the count first, ipdc writes parts. */
async function digestOf(folder: string): Promise<string> {
  const lines: string[] = []
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    if (!/^(counts|parts.part-\d+)$/.test(name)) continue
    for (const line of (await readFile(join(folder, name), 'latin1')).split('\n')) {
      if (line !== '') lines.push(line.replace(/^ *(\d+) (.*)$/, '$2\t$1'))
    }
  }
  return createHash('sha256').update(lines.sort().join('\n'), 'latin1').digest('hex')
}

function tableOf(chosen: readonly Measured[]): string {
  const mawk = chosen.find(({ name }) => name === 'mawk')?.cost
  const rows = chosen.flatMap(({ name, cost }) =>
    cost === undefined
      ? []
      : [
          [
            name,
            cost.cpuSeconds.toFixed(2),
            mawk === undefined ? '-' : (cost.cpuSeconds / mawk.cpuSeconds).toFixed(2),
            cost.wallSeconds.toFixed(2),
            bytesText(cost.peakBytes),
          ],
        ],
  )
  const all = [['', 'CPU s', 'x mawk', 'wall s', 'peak RSS'], ...rows]
  return all.map(([name = '', ...cells]) => name.padEnd(16) + cells.map((cell) => cell.padStart(10)).join('')).join('\n')
}

/** 0 where the results agree and the goal is met, or was not asked for. */
function judge(chosen: readonly Measured[]): number {
  const digests = new Set(chosen.flatMap(({ digests }) => [...digests]))
  console.log(digests.size === 1 ? `\nThe results agree (sha256 ${[...digests][0]?.slice(0, 16)})` : '\nTHE RESULTS DIFFER')
  const mawk = chosen.find(({ name }) => name === 'mawk')?.cost
  const ours = chosen.flatMap(({ name, cost }) => (name.startsWith('ipdc') && cost !== undefined ? [cost.cpuSeconds] : []))
  const results = { name: 'different results', value: digests.size, bar: 1, show: String }
  if (mawk === undefined || ours.length === 0) return verdict('bench:wordcount', [results])
  return verdict('bench:wordcount', [{ name: 'CPU, x mawk', value: Math.max(...ours) / mawk.cpuSeconds, bar: goal }, results])
}
