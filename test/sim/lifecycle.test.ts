/**
 * The lifecycle under faults, by the hundred. `IPDC_SEED=7 node test/sim/lifecycle.test.ts` runs one seed again; with
 * `IPDC_TRACE=map/3` it prints each instruction that names this, and what it answers.
 */
import t from 'tap'
import { Violation } from './checks.ts'
import type { Trace } from './coordinator.ts'
import { type Counts, count } from './wire.ts'
import { simulate } from './world.ts'

const { IPDC_SEED: only, IPDC_TEST: ring, IPDC_TRACE: wanted } = process.env
const trace: Trace = (now, event, instruction) => {
  const line = `${now} ${JSON.stringify(event)} => ${JSON.stringify(instruction)}`
  if (line.includes(wanted ?? '')) console.error(line)
}
const seeds = only !== undefined ? [Number(only)] : Array.from({ length: ring === 'full' ? 10_000 : 500 }, (_, at) => at + 1)

/** A run in which nothing goes wrong shows nothing. */
const happens = [
  'lost message',
  'doubled',
  'reordered',
  'cut off',
  'command older than its lease',
  'offer too late',
  'finished without a lease',
  'partition',
  'node died',
  'node started again',
  'queue survived',
  'granted after a restart',
  'poisoned node',
  'coordinator killed',
  'attempt lost',
  'attempt adopted',
  'attempt cancelled',
  'attempt refused',
  'refused as full',
  'stopped by itself',
  'result of an older term taken',
  'failure of an older term taken',
  'fenced: result',
  'fenced: late result',
  'forged',
  'input lost',
  'withdrawn',
  'root not whole',
  'charged',
  'task failed',
  'left',
  'job done',
  'job cancelled',
]

t.test(`the invariants hold in ${seeds.length} runs`, async (t) => {
  const counts: Counts = {}
  for (const seed of seeds) {
    try {
      simulate(seed, counts, wanted === undefined ? undefined : trace)
      count(counts, 'runs')
    } catch (error) {
      t.fail(`seed ${seed}: ${(error as Error).message} (again: IPDC_SEED=${seed} node test/sim/lifecycle.test.ts)`)
      t.comment((error as Error).stack)
      break
    }
  }
  t.comment(JSON.stringify(counts))
  if (only !== undefined) return
  for (const what of happens) t.ok((counts[what] ?? 0) > 0, `${what}: ${counts[what] ?? 0}`)
})

t.test('were leases counted from when commands come, a task that may not would run on two nodes at once: the runs show it', async (t) => {
  const broken = Array.from({ length: 300 }, (_, at) => at + 1).find((seed) => {
    try {
      simulate(seed, {}, undefined, { leases: 'from arrival' })
      return false
    } catch (error) {
      return error instanceof Violation && error.message.startsWith('I7')
    }
  })
  t.type(broken, 'number')
})
