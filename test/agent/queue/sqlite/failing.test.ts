/** Disks that are full, read-only or broken: what is acknowledged stays, what is not is rejected with its reason, and it goes on by itself. */
import { spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withBackend } from 'bullmq'
import t, { type Test } from 'tap'
import { createSqliteBackend } from '../../../../agent/queue/sqlite/backend.ts'
import { type Durability, type Notice, openFile } from '../../../../agent/queue/sqlite/file.ts'
import { needs } from '../../../services.ts'
import { schema, textOf } from './child.ts'
import { createRows, faults } from './rows.ts'
import { runChild } from './spawned.ts'
import { traceChild } from './trace.ts'

const both: readonly Durability[] = ['normal', 'full']
const nobody = 65_534

for (const durability of both) {
  t.test(
    `'${durability}': on a full disk operations are rejected with DISK_FULL, what was acknowledged stays, and it goes on when there is room`,
    async (t) => {
      const disk = await smallDisk(t, 2048)
      if (disk === undefined) return
      await writeFile(join(disk, 'filler'), Buffer.alloc(1024 * 1024))
      const notices: Notice[] = []
      const path = join(disk, 'queue.db')
      const file = openFile({ path, schema, durability, maxLogPages: 128, onNotice: (notice) => notices.push(notice) })
      const rows = createRows()
      const add = async (id: number) => {
        await file.run((sql) => sql.run('INSERT INTO t VALUES (?, ?)', id, textOf(id, 3000)))
        rows.added.add(id)
      }
      let id = 1
      const refused = await untilRefused(() => Promise.all([add(id++), add(id++)]))
      t.match(refused, { code: 'DISK_FULL', message: new RegExp(`${path}.*full`), hint: /Make room/ })
      t.match(notices, [{ is: 'failing', path, cause: { code: 'DISK_FULL' } }])
      t.ok(rows.added.size > 50, `${rows.added.size} rows fit`)
      await t.rejects(add(id++), { code: 'DISK_FULL' }, 'the next as well')
      t.same(await faults(file, rows), [], 'what was acknowledged is there while the disk is full')

      await unlink(join(disk, 'filler'))
      for (let more = 0; more < 100; more += 1) await add(id++)
      t.same(await faults(file, rows), [])
      await file.close()
      t.match(notices.slice(1), [{ is: 'recovered', path }])
      const again = openFile({ path, schema })
      t.same(await faults(again, rows), [], 'and after it is opened again')
      await again.close()
    },
  )
}

t.test('a disk that is full at close leaves the log, which has it all', async (t) => {
  const disk = await smallDisk(t, 1024)
  if (disk === undefined) return
  const path = join(disk, 'queue.db')
  const file = openFile({ path, schema, maxLogPages: 64 * 1024 })
  const rows = createRows()
  for (let id = 1; id <= 100; id += 1) {
    await file.run((sql) => sql.run('INSERT INTO t VALUES (?, ?)', id, textOf(id, 3000)))
    rows.added.add(id)
  }
  // All that is left.
  await writeFile(join(disk, 'filler'), Buffer.alloc(1024 * 1024)).catch(() => {})
  await t.rejects(file.close(), { code: 'DISK_FULL' })
  await unlink(join(disk, 'filler'))
  const again = openFile({ path, schema })
  t.same(await faults(again, rows), [])
  await again.close()
})

t.test('a file cannot be begun on a full disk', async (t) => {
  const disk = await smallDisk(t, 64)
  if (disk === undefined) return
  await writeFile(join(disk, 'filler'), Buffer.alloc(1024 * 1024)).catch(() => {})
  t.throws(() => openFile({ path: join(disk, 'queue.db'), schema }), { code: 'DISK_FULL' })
})

t.test('on a full disk a worker tries again each second, not without end, and goes on when there is room', async (t) => {
  const disk = await smallDisk(t, 1024)
  if (disk === undefined) return
  const factory = createSqliteBackend({ path: join(disk, 'queue.db') })
  const { Queue, Worker } = withBackend(factory)
  const queue = new Queue('tasks', { connection: {} })
  queue.on('error', () => {})
  await writeFile(join(disk, 'filler'), Buffer.alloc(512 * 1024))
  let added = 0
  await untilRefused(async () => {
    await queue.add('x', 'y'.repeat(3000))
    added += 1
  })
  await writeFile(join(disk, 'rest'), Buffer.alloc(1024 * 1024)).catch(() => {})
  const errors: unknown[] = []
  const all = Promise.withResolvers<void>()
  const told = Promise.withResolvers<void>()
  let done = 0
  const worker = new Worker('tasks', async () => void (++done >= added && all.resolve()), { connection: {} })
  worker.on('error', (error) => {
    errors.push(error)
    told.resolve()
  })
  await told.promise
  for (let turns = 0; turns < 1000; turns += 1) await new Promise(setImmediate)
  t.ok(errors.length < 5, `${errors.length} errors`)
  t.match(errors[0], { code: 'DISK_FULL' })
  await unlink(join(disk, 'rest'))
  await unlink(join(disk, 'filler'))
  await all.promise
  await worker.close()
  await queue.close()
  await factory.close()
})

t.test('a quota that is used up is told as a full disk, and a broken disk as what it is', async (t) => {
  const strace = needs(t, 'strace')
  if (strace === undefined) return
  for (const [error, code] of [
    ['EDQUOT', 'DISK_FULL'],
    ['ENOSPC', 'DISK_FULL'],
    ['EIO', 'IO'],
    ['EROFS', 'READ_ONLY'],
  ]) {
    // Each row is one commit of 2 pages, 4 calls; some commits in the middle meet the error.
    const { lines, rows } = await child(t, [strace, ...quiet, '-e', 'trace=pwrite64', '-e', `inject=pwrite64:error=${error}:when=60..64`])
    t.ok(lines.includes(`failed ${lines.find((line) => line.startsWith('failed'))?.split(' ')[1]} ${code}`), `${error} is ${code}`)
    t.ok(lines.includes('+100'), 'it went on')
    t.same(await rows(), [], 'all that was acknowledged is there')
  }
})

t.test("'full': a sync that fails once costs nothing: what was written is written again, synced, and only then acknowledged", async (t) => {
  const strace = needs(t, 'strace')
  if (strace === undefined) return
  const path = join(await temporary(t), 'queue.db')
  const steps = await traceChild(
    strace,
    { path, durability: 'full', rows: 30, clients: 1, bytes: 700 },
    { inject: ['fdatasync:error=EIO:when=10'], env: { UV_THREADPOOL_SIZE: '1' } },
  )
  const said = steps.flatMap((step) => (step.is === 'said' ? [step.line] : []))
  t.same(
    said.filter((line) => /^notice|^failed/.test(line)),
    ['notice mended'],
  )
  const failed = steps.findIndex((step) => step.is === 'sync' && steps.some((other) => other.is === 'sync failed' && other.sync === step.sync))
  const next = steps.slice(failed + 1)
  const acknowledged = next.findIndex((step) => step.is === 'said' && step.line.startsWith('+'))
  const rewritten = next.findIndex((step) => step.is === 'write' && step.file === 'queue.db-wal' && step.offset === 0 && step.bytes.length > 1000)
  const synced = next.findIndex((step, at) => at > rewritten && step.is === 'synced')
  t.ok(rewritten !== -1 && rewritten < synced && synced < acknowledged, `written again at ${rewritten}, synced at ${synced}, acknowledged at ${acknowledged}`)
})

t.test("'full': while syncs fail operations are rejected, and when they succeed again it goes on", async (t) => {
  const strace = needs(t, 'strace')
  if (strace === undefined) return
  for (const [error, code] of [
    ['EIO', 'IO'],
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
  ]) {
    const { lines, rows } = await child(t, [strace, ...quiet, '-e', 'trace=fdatasync', '-e', `inject=fdatasync:error=${error}:when=10..17`], 'full')
    t.match(
      lines.filter((line) => line.startsWith('notice')),
      ['notice failing', 'notice mended', 'notice recovered'],
      `${error} is told`,
    )
    t.ok(lines.filter((line) => line.startsWith('failed')).length >= 3)
    t.ok(
      lines.filter((line) => line.startsWith('failed')).every((line) => line.endsWith(` ${code}`)),
      `${error} is ${code}`,
    )
    t.ok(lines.includes('+100'), 'it went on')
    t.same(await rows(), [])
  }
})

t.test('pages of the database that a failed sync has dropped are written again from the log', async (t) => {
  const strace = needs(t, 'strace')
  if (strace === undefined) return
  const path = join(await temporary(t), 'queue.db')
  // 1 to 3 are of the first page, the log and, in the checkpoint at close, the database.
  const inject = ['fdatasync:error=EIO:when=3']
  const steps = await traceChild(strace, { path, rows: 30, clients: 8, bytes: 700 }, { inject, env: { UV_THREADPOOL_SIZE: '1' } })
  t.ok(steps.some((step) => step.is === 'said' && step.line === 'notice mended'))
  const failed = steps.findIndex((step) => step.is === 'sync' && steps.some((other) => other.is === 'sync failed' && other.sync === step.sync))
  const pages = (from: readonly (typeof steps)[number][]) =>
    new Set(from.flatMap((step) => (step.is === 'write' && step.file === 'queue.db' ? [step.offset] : [])))
  t.match(steps[failed], { file: 'queue.db' })
  const begun = steps.slice(0, failed).findLastIndex((step) => step.is === 'synced')
  t.same([...pages(steps.slice(failed))].sort(), [...pages(steps.slice(begun, failed))].sort(), 'the same pages')
  t.ok(pages(steps.slice(failed)).size > 20)
  t.ok(
    steps.slice(failed).findIndex((step) => step.is === 'synced' && step.file === 'queue.db') < steps.slice(failed).findIndex((step) => step.is === 'removed'),
  )
})

t.test('a close whose syncs fail says so, and leaves the log, which has it all', async (t) => {
  const strace = needs(t, 'strace')
  if (strace === undefined) return
  const { lines, rows } = await child(t, [strace, ...quiet, '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO:when=3+'])
  t.ok(lines.includes('close IO'))
  t.same(await rows(), [])
})

t.test('a file or a folder that is read-only is refused with READ_ONLY', async (t) => {
  const folder = await temporary(t)
  await chmod(folder, 0o755)
  for (const what of ['file', 'folder']) {
    const home = join(folder, what)
    const path = join(home, 'queue.db')
    await mkdir(home)
    await openFile({ path, schema }).close()
    await chmod(path, what === 'file' ? 0o444 : 0o666)
    await chmod(home, what === 'file' ? 0o777 : 0o555)
    // Root may write everything.
    const asOther = process.getuid?.() === 0 ? { uid: nobody } : {}
    t.same(await runChild({ path, rows: 1, clients: 1, bytes: 10 }, asOther), ['refused READ_ONLY'], `read-only ${what}`)
    await chmod(home, 0o700)
  }
})

/** Without a word, following threads. */
const quiet = ['-f', '--seccomp-bpf', '-o', '/dev/null']

/** 100 rows, one after the other; `rows` checks what it has left. */
async function child(t: Test, under: readonly string[], durability: Durability = 'normal'): Promise<{ lines: string[]; rows(): Promise<string[]> }> {
  const path = join(await temporary(t), 'queue.db')
  const lines = await runChild({ path, durability, rows: 100, clients: 1, bytes: 700 }, { under, env: { UV_THREADPOOL_SIZE: '1' } })
  return {
    lines,
    async rows() {
      const rows = createRows()
      for (const line of lines) rows.heard(line)
      const notices: Notice[] = []
      const file = openFile({ path, schema, onNotice: (notice) => notices.push(notice) })
      const wrong = await faults(file, rows)
      await file.close()
      return [...wrong, ...notices.map(({ is }) => is)]
    },
  }
}

async function temporary(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ipdc-failing-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A disk of this size in memory; undefined, and the test skipped by name, where none may be mounted. */
async function smallDisk(t: Test, kilobytes: number): Promise<string | undefined> {
  const folder = await temporary(t)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', folder])
  if (mounted.status === 0) {
    t.teardown(() => spawnSync('umount', ['-l', folder]))
    return folder
  }
  t.plan(0, 'no small disk can be mounted here')
  return undefined
}

async function untilRefused(act: () => Promise<unknown>): Promise<unknown> {
  for (let tries = 0; tries < 2_000; tries += 1) {
    try {
      await act()
    } catch (error) {
      return error
    }
  }
  return undefined
}
