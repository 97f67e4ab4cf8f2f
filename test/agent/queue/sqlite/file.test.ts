/** One file and its group commits, in this process. */
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type FileOptions, openFile, type QueueFile } from '../../../../agent/queue/sqlite/file.ts'
import { schema } from './child.ts'
import { runChild } from './spawned.ts'

const insert =
  (id: number, v = 'x') =>
  (sql: Parameters<Parameters<QueueFile['run']>[0]>[0]) =>
    sql.run('INSERT INTO t VALUES (?, ?)', id, v)
const count = (file: QueueFile) => file.run((sql) => sql.get('SELECT count(*) AS n FROM t')?.n)

t.test('operations of one turn run in the order of calls and share one transaction', async (t) => {
  const file = await open(t)
  const order: string[] = []
  const results = await Promise.all([
    file
      .run((sql) => {
        order.push('first')
        sql.after(() => order.push('after first'))
        return insert(1)(sql)
      })
      .then(({ changes }) => order.push(`first: ${changes}`)),
    file
      .run((sql) => {
        order.push('second')
        sql.after(() => order.push('after second'))
        return sql.all('SELECT id FROM t')
      })
      .then((rows) => order.push(`second: ${rows.length}`)),
  ])
  t.equal(results.length, 2)
  t.same(order, ['first', 'second', 'after first', 'after second', 'first: 1', 'second: 1'])
})

t.test('an operation that throws is undone alone, in the tables and in memory', async (t) => {
  const file = await open(t)
  const memory: string[] = []
  const settled = await Promise.allSettled([
    file.run(insert(1)),
    file.run((sql) => {
      insert(2)(sql)
      sql.undo(() => memory.push('undone first'))
      sql.undo(() => memory.push('undone last'))
      sql.after(() => memory.push('after'))
      throw new TypeError('no')
    }),
    file.run(insert(3)),
    file.run(insert(3)),
  ])
  t.same(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'rejected'],
  )
  t.match(settled[1], { reason: { name: 'TypeError', message: 'no' } })
  t.match(settled[3], { reason: { message: /UNIQUE/ } })
  t.same(memory, ['undone last', 'undone first'])
  t.same(await file.run((sql) => sql.all('SELECT id FROM t').map(({ id }) => id)), [1, 3])
})

t.test('a lone operation that throws is undone, too', async (t) => {
  const file = await open(t)
  await t.rejects(
    file.run((sql) => {
      insert(1)(sql)
      throw new Error('no')
    }),
    { message: 'no' },
  )
  await file.run(insert(2))
  t.same(await file.run((sql) => sql.all('SELECT id FROM t').map(({ id }) => id)), [2])
})

t.test('`sql` is of no use once its operation has returned', async (t) => {
  const file = await open(t)
  const kept = await file.run((sql) => sql)
  t.throws(() => kept.get('SELECT 1'), { message: /after it had returned/ })
})

t.test('an effect that throws hurts no operation, and is not swallowed', async (t) => {
  const file = await open(t)
  const uncaught = new Promise((resolve) => process.once('uncaughtException', resolve))
  const listeners = process.listeners('uncaughtException').slice(0, -1)
  for (const listener of listeners) process.off('uncaughtException', listener)
  t.teardown(() => listeners.map((listener) => process.on('uncaughtException', listener)))
  await file.run((sql) => {
    sql.after(() => {
      throw new Error('effect')
    })
    return insert(1)(sql)
  })
  t.match(await uncaught, { message: 'effect' })
  t.equal(await count(file), 1)
})

t.test('long work is shared out over several turns of the event loop', async (t) => {
  const file = await open(t)
  let turns = 0
  const tick = () => {
    turns += 1
    turning = setImmediate(tick)
  }
  let turning = setImmediate(tick)
  await Promise.all(Array.from({ length: 20 }, () => file.run(() => busy(5))))
  clearImmediate(turning)
  t.ok(turns >= 5, `${turns} turns`)
})

t.test('more operations than may wait are refused', async (t) => {
  const file = await open(t)
  const waiting = Array.from({ length: 65_536 }, () => file.run(() => 1))
  await t.rejects(
    file.run(() => 1),
    { code: 'BUSY' },
  )
  await Promise.all(waiting)
  t.equal(await file.run(() => 1), 1)
})

t.test('close commits what waits, is the same for all who ask, and leaves one file; then all is refused', async (t) => {
  const path = await place(t)
  const file = openFile({ path, schema })
  const waiting = file.run(insert(1))
  const closed = file.close()
  t.equal(file.close(), closed)
  await t.rejects(file.run(insert(2)), { code: 'CLOSED', message: new RegExp(path) })
  await closed
  t.match(await waiting, { changes: 1 })
  t.same(await readdir(join(path, '..')), ['queue.db'])
  t.equal(await count(await open(t, { path })), 1)
})

t.test('file and folder are made for their owner alone, and a file that was open to others is closed to them', async (t) => {
  const path = join(await place(t), '..', 'new', 'folder', 'queue.db')
  await (await openNow({ path })).close()
  t.equal((await stat(path)).mode & 0o777, 0o600)
  t.equal((await stat(join(path, '..'))).mode & 0o777, 0o700)
  const { chmod } = await import('node:fs/promises')
  await chmod(path, 0o644)
  const file = await open(t, { path })
  t.equal((await stat(path)).mode & 0o777, 0o600)
  await file.run(insert(1))
  t.equal((await stat(`${path}-wal`)).mode & 0o777, 0o600)
  t.notOk(existsSync(`${path}-shm`), 'nothing is shared')
})

t.test('a second opener, of this process or of another, is refused with the path, and takes no lock away', async (t) => {
  const path = await place(t)
  const file = await open(t, { path })
  for (const _ of [1, 2]) {
    t.throws(() => openFile({ path, schema }), { code: 'IN_USE', message: new RegExp(path), hint: /One process/ })
    t.same(await runChild({ path, rows: 1, clients: 1, bytes: 10 }), ['refused IN_USE'])
  }
  await file.run(insert(1))
  await file.close()
  t.match(await runChild({ path, rows: 1, clients: 1, bytes: 10 }), ['open', '+2'])
})

t.test('migrations bring a file of an older version up, in one transaction with what is done at open', async (t) => {
  const path = await place(t)
  await openNow({ path }).close()
  const more = [...schema, 'ALTER TABLE t ADD COLUMN w TEXT', 'CREATE TABLE u (id INTEGER PRIMARY KEY)']
  t.throws(
    () =>
      openFile({
        path,
        schema: more,
        opened: (sql) => {
          sql.run('INSERT INTO u VALUES (1)')
          throw new Error('not yet')
        },
      }),
    { message: 'not yet' },
  )
  const file = await open(t, { path, schema: more, opened: (sql) => void sql.run('INSERT INTO u VALUES (2)') })
  t.same(await file.run((sql) => [sql.all('SELECT id FROM u'), sql.get('PRAGMA user_version')]), [[{ id: 2 }], { user_version: 3 }])
})

t.test('a file of a newer version, and a database of something else, are refused and left alone', async (t) => {
  const path = await place(t)
  await openNow({ path, schema: [...schema, 'CREATE TABLE u (id)'] }).close()
  t.throws(() => openFile({ path, schema }), { code: 'NOT_SUPPORTED', message: /newer version \(2; this one knows 1\)/ })
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const other = join(path, '..', 'other.db')
  const db = new DatabaseSync(other)
  db.exec('CREATE TABLE notes (text)')
  db.close()
  const before = await readFile(other)
  t.throws(() => openFile({ path: other, schema }), { code: 'NOT_SUPPORTED', message: /something else/ })
  t.same(await readFile(other), before)
})

t.test('a path that is no file is refused', async (t) => {
  const path = await place(t)
  t.throws(() => openFile({ path: join(path, '..'), schema }), { code: 'NOT_SUPPORTED', message: /a directory/ })
  await writeFile(path, '')
  t.throws(() => openFile({ path: join(path, 'queue.db'), schema }), { code: 'IO' })
})

t.test("':memory:' holds what it is given, and nothing is written", async (t) => {
  const file = await open(t, { path: ':memory:', durability: 'full' })
  await Promise.all([file.run(insert(1)), file.run(insert(2))])
  t.equal(await count(file), 2)
  t.notOk(existsSync(':memory:'))
})

t.test('the log stays near its bound however much is written', async (t) => {
  const path = await place(t)
  const file = await open(t, { path, maxLogPages: 512 })
  for (let id = 1; id <= 1000; id += 1) await file.run(insert(id, 'x'.repeat(2000)))
  const { size } = await stat(`${path}-wal`)
  t.ok(size > 500 * 1024 && size < 1024 * 1024, `${size} bytes`)
  t.equal(await count(file), 1000)
})

t.test('the log stays near its bound however long the values are', async (t) => {
  const path = await place(t)
  const file = await open(t, { path, maxLogPages: 512 })
  for (let id = 1; id <= 20; id += 1) await file.run(insert(id, 'x'.repeat(400_000)))
  const { size } = await stat(`${path}-wal`)
  t.ok(size < 1024 * 1024 + 400_000, `${size} bytes`)
})

async function place(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ipdc-file-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'queue.db')
}

function openNow(options: Partial<FileOptions> & { path: string }): QueueFile {
  return openFile({ schema, ...options })
}

async function open(t: Test, options: Partial<FileOptions> = {}): Promise<QueueFile> {
  const path = options.path ?? (await place(t))
  const file = openFile({ schema, ...options, path })
  t.teardown(() => file.close())
  return file
}

function busy(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}
