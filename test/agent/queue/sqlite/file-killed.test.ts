/** A process is killed in mid-load, at random moments, again and again on the same file. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openFile } from '../../../../agent/queue/sqlite/file.ts'
import { ring } from '../../../ring.ts'
import { schema, type Task } from './child.ts'
import { createRandom } from './random.ts'
import { createRows, faults } from './rows.ts'
import { runChild } from './spawned.ts'

const rounds = ring(10, 100)
t.setTimeout(ring(120_000, 900_000))

t.test(`no acknowledged row is lost by ${rounds} kills in mid-load, and none that was removed is back`, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ipdc-kill-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'queue.db')
  const random = createRandom(4)
  const rows = createRows()

  for (let round = 1; round <= rounds; round += 1) {
    // By what it has said, not by the clock: the same moments on a slow machine. A log is emptied about every 70 lines.
    const kill = 1 + Math.floor(random() * 1_500)
    let heard = 0
    const task: Task = { path, durability: round % 4 === 0 ? 'full' : 'normal', rows: 1_000_000, clients: 8, bytes: 900, removes: 2, maxLogPages: 128 }
    await runChild(task, {
      onLine(line, child) {
        rows.heard(line)
        if (line.startsWith('notice') || line.startsWith('failed') || line.startsWith('refused')) t.fail(`round ${round}: ${line}`)
        heard += 1
        if (heard === kill) child.kill('SIGKILL')
      },
    })
    // Every other time the next child finds the file as the killed one has left it.
    if (round % 2 === 1 && round !== rounds) continue
    const notices: unknown[] = []
    const file = openFile({ path, schema, onNotice: (notice) => notices.push(notice) })
    t.same([await faults(file, rows), notices], [[], []], `round ${round}: sound and whole after ${heard} lines`)
    await file.close()
  }
  t.ok(rows.added.size > rounds * 10 && rows.removed.size > rounds * 10, `${rows.added.size} rows are there, ${rows.removed.size} are gone`)
  t.same(await readdir(folder), ['queue.db'])
})

t.test('a process that ends without closing its file loses nothing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ipdc-kill-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  for (const end of ['return', 'exit'] as const) {
    const path = join(folder, `${end}.db`)
    const rows = createRows()
    for (const line of await runChild({ path, rows: 100, clients: 8, bytes: 900, removes: 2, end })) rows.heard(line)
    const file = openFile({ path, schema })
    t.same(await faults(file, rows), [], end)
    await file.close()
  }
})
