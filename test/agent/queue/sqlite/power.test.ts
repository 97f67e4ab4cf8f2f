/**
 * Power is cut at every kind of moment of a traced process, with every kind of loss: the file opens, is sound, and holds what was
 * promised. The trace is made once a durability; cuts are seeded.
 */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Durability, openFile } from '../../../../agent/queue/sqlite/file.ts'
import { ring } from '../../../ring.ts'
import { needs } from '../../../services.ts'
import { schema } from './child.ts'
import { createDisk } from './power.ts'
import { createRandom } from './random.ts'
import { createRows, faults } from './rows.ts'
import { type Step, traceChild } from './trace.ts'

const cuts = ring(400, 6_000)
t.setTimeout(ring(120_000, 600_000))

t.test("after a cut of power a file of 'full' durability is sound and holds every acknowledged row", async (t) => {
  await cutPower(t, 'full', (_, at) => at)
})

t.test("after a cut of power a file of 'normal' durability is sound and holds every row that was acknowledged before the last sync began", async (t) => {
  await cutPower(t, 'normal', lastSync)
})

t.test("when every fourth sync fails, a cut of power still leaves a file of 'full' durability that holds every acknowledged row", async (t) => {
  await cutPower(t, 'full', (_, at) => at, ['fdatasync:error=EIO:when=1+4'])
})

/** `promised` gives the step up to which what was said must be true. */
async function cutPower(
  t: Test,
  durability: Durability,
  promised: (steps: readonly Step[], at: number) => number,
  inject: readonly string[] = [],
): Promise<void> {
  const strace = needs(t, 'strace')
  if (strace === undefined) return
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'ipdc-power-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const steps: Step[] = []
  // One process after the other on the same file, the last one closes it: what the others have left is still only in memory.
  for (const end of [{ end: 'exit' }, { end: 'exit' }, {}] as const) {
    const task = { path: join(folder, 'queue.db'), durability, rows: 100, clients: 4, bytes: 700, removes: 3, maxLogPages: 48, ...end }
    const numbered = (step: Step) => ('sync' in step ? { ...step, sync: step.sync + steps.length } : step)
    steps.push(...(await traceChild(strace, task, { inject, env: { UV_THREADPOOL_SIZE: '1' } })).map(numbered))
  }
  const based = steps.findIndex((step) => step.is === 'synced' && step.file === '.')
  t.ok(steps.filter((step) => step.is === 'write' && step.file === 'queue.db-wal' && step.offset === 0).length > 8, 'the log was emptied again and again')

  const moments = Array.from({ length: cuts }, (_, seed) => {
    const random = createRandom(seed)
    return { seed, random, at: moment(steps, random) }
  }).sort((a, b) => a.at - b.at)
  const disk = createDisk(createRandom(cuts))
  let taken = 0
  for (const { seed, random, at } of moments) {
    for (; taken < at; taken += 1) disk.take(steps[taken]!)
    const home = join(folder, String(seed))
    await mkdir(home)
    for (const [name, bytes] of disk.cut(random)) await writeFile(join(home, name), bytes)

    const rows = createRows()
    // Of what was being removed nobody knows; what was acknowledged counts up to the promise.
    const until = promised(steps, at)
    for (const [index, step] of steps.slice(0, at).entries()) if (step.is === 'said' && (index < until || step.line.startsWith('~'))) rows.heard(step.line)
    const notices: unknown[] = []
    const file = openFile({ path: join(home, 'queue.db'), schema, onNotice: (notice) => notices.push(notice) })
    const wrong = await faults(file, rows)
    await file.close()
    // Before the first sync has ended there is no file for certain: its parts may come without each other.
    if (wrong.length > 0 || (notices.length > 0 && at > based)) t.fail(`seed ${seed}, before step ${at} of ${steps.length}: ${wrong.join(', ')}`, { notices })
    await rm(home, { recursive: true })
  }
  const failed = steps.filter(({ is }) => is === 'sync failed').length
  t.equal(failed > 10, inject.length > 0, `${cuts} cuts, ${failed} of ${steps.filter(({ is }) => is === 'sync').length} syncs failed`)
}

/** Any step, or more often one near the end of a sync or the first writes behind it, where the order matters. */
function moment(steps: readonly Step[], random: () => number): number {
  if (random() < 0.3) return Math.floor(random() * (steps.length + 1))
  const ends = steps.flatMap(({ is }, index) => (is === 'synced' || is === 'sync' ? [index] : []))
  return Math.min(steps.length, (ends[Math.floor(random() * ends.length)] ?? 0) + Math.floor(random() * 30))
}

/** Where the last sync of the log began that has ended before this step; 0 without one. */
function lastSync(steps: readonly Step[], at: number): number {
  const ended = steps
    .slice(0, at)
    .flatMap((step) => (step.is === 'synced' && step.file === 'queue.db-wal' ? [step.sync] : []))
    .at(-1)
  return Math.max(
    0,
    steps.findIndex((step) => step.is === 'sync' && step.sync === ended),
  )
}
