/** Files that were damaged while nobody had them open. */
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Notice, openFile, type QueueFile } from '../../../../agent/queue/sqlite/file.ts'
import { schema, textOf } from './child.ts'
import { runChild } from './spawned.ts'

const count = (file: QueueFile) => file.run((sql) => sql.get('SELECT count(*) AS n FROM t')?.n)

t.test('a file that is no database is kept aside under a name that says so, and a new one is begun', async (t) => {
  const path = await written(t)
  const garbage = Buffer.alloc(20_000, 'garbage')
  await writeFile(path, garbage)
  const { file, notices } = open(t, path, true)
  t.equal(await count(file), 0)
  await file.run((sql) => sql.run('INSERT INTO t VALUES (1, ?)', 'x'))
  t.match(notices, [{ is: 'set-aside', path, kept: /queue\.db\.damaged-\d{8}T\d{9}Z$/, cause: { code: 'CORRUPT' } }])
  t.equal(notices.length, 1)
  t.same(await readFile(keptOf(notices)), garbage, 'kept as it was')
})

t.test('a first page of which only the mark of a queue is left is a damaged queue', async (t) => {
  const path = await written(t)
  const bytes = await readFile(path)
  bytes.fill('garbage', 0, 68)
  await writeFile(path, bytes)
  const { file, notices } = open(t, path)
  t.equal(await count(file), 0)
  t.match(notices, [{ is: 'set-aside', cause: { code: 'CORRUPT' } }])
  t.same(await readFile(keptOf(notices)), bytes)
})

t.test('a queue that lacks a table, or whose version makes no sense, is kept aside', async (t) => {
  for (const text of ['DROP TABLE t', 'PRAGMA user_version=-3', 'PRAGMA user_version=0']) {
    const path = await written(t)
    change(path, text)
    const { file, notices } = open(t, path)
    t.equal(await count(file), 0, text)
    t.match(notices, [{ is: 'set-aside', cause: { code: 'CORRUPT', message: new RegExp(`${path} is damaged`), hint: /./ } }], text)
  }
})

t.test('a file with torn pages is found out at open and kept aside', async (t) => {
  const path = await written(t)
  const bytes = await readFile(path)
  // As when of a page only a part was written.
  bytes.fill(0, 3 * 1024 + 512, 5 * 1024)
  await writeFile(path, bytes)
  const { file, notices } = open(t, path)
  t.equal(await count(file), 0)
  t.match(notices, [{ is: 'set-aside', cause: { code: 'CORRUPT', message: /is damaged/ } }])
  t.same(await readFile(keptOf(notices)), bytes)
})

t.test('a file that is too short is kept aside', async (t) => {
  const path = await written(t)
  await truncate(path, 5000)
  const { file, notices } = open(t, path)
  t.equal(await count(file), 0)
  t.match(notices, [{ is: 'set-aside' }])
})

t.test('a damaged file keeps its log with it', async (t) => {
  const path = await killed(t)
  const log = await readFile(`${path}-wal`)
  await writeFile(path, Buffer.alloc(20_000, 'garbage'))
  // The log has the first page, so it is a database; pages that are not in the log are garbage.
  const { file, notices } = open(t, path)
  t.equal(await count(file), 0)
  t.match(notices, [{ is: 'set-aside', cause: { code: 'CORRUPT' } }])
  t.same(await readFile(`${keptOf(notices)}-wal`), log)
})

t.test('a log whose head is garbage is kept aside; the database goes on as it was when the log was last emptied', async (t) => {
  const path = await killed(t)
  const log = await readFile(`${path}-wal`)
  log.fill('garbage', 0, 64)
  await writeFile(`${path}-wal`, log)
  const { file, notices } = open(t, path)
  t.equal(await count(file), 20)
  t.match(notices, [{ is: 'set-aside', path: `${path}-wal`, kept: /damaged-.*-wal$/, cause: { message: /as it was when it was last emptied/ } }])
  t.same(await readFile(keptOf(notices)), log)
})

t.test('a torn tail of the log is what a cut of power leaves, and no damage: all up to it is there, and what follows is kept', async (t) => {
  const path = await killed(t)
  const log = await readFile(`${path}-wal`)
  // A gap in the middle: later frames of the same log are whole.
  log.fill(0, Math.floor(log.length * 0.6), Math.floor(log.length * 0.6) + 300)
  await writeFile(`${path}-wal`, log)
  const first = open(t, path)
  const found = Number(await count(first.file))
  t.ok(found > 20 && found < 70, `${found} rows`)
  t.same(first.notices, [])
  await first.file.run((sql) => sql.run('INSERT INTO t VALUES (1000, ?)', 'x'))
  // As a kill would: the files as they are.
  const copy = join(path, '..', 'copy.db')
  await writeFile(copy, await readFile(path))
  await writeFile(`${copy}-wal`, await readFile(`${path}-wal`))
  const second = open(t, copy)
  t.equal(await count(second.file), found + 1)
  t.same(second.notices, [])
})

t.test('an empty database with a log is no new file', async (t) => {
  const path = await killed(t)
  await truncate(path, 0)
  const { file, notices } = open(t, path)
  t.equal(await count(file), 0)
  t.match(notices, [{ is: 'set-aside', cause: { message: /empty/ } }])
  t.ok((await readFile(`${keptOf(notices)}-wal`)).length > 0)
})

t.test('no more than three damaged files are kept, the newest', async (t) => {
  const path = await written(t)
  const kept: string[] = []
  for (let round = 1; round <= 5; round += 1) {
    await writeFile(path, Buffer.alloc(20_000, `garbage ${round}`))
    const { file, notices } = open(t, path, true)
    await file.close()
    kept.push(keptOf(notices))
  }
  t.same(
    (await readdir(join(path, '..'))).filter((name) => name.includes('damaged')).sort(),
    kept.slice(-3).map((name) => name.split('/').at(-1)),
  )
})

function change(path: string, text: string): void {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const db = new DatabaseSync(path)
  db.exec(text)
  db.close()
}

async function folder(t: Test): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'ipdc-damaged-'))
  t.teardown(() => rm(made, { recursive: true, force: true }))
  return made
}

/** 20 rows, closed. */
async function written(t: Test): Promise<string> {
  const path = join(await folder(t), 'queue.db')
  const file = openFile({ path, schema })
  await file.run((sql) => {
    for (let id = 1; id <= 20; id += 1) sql.run('INSERT INTO t VALUES (?, ?)', id, textOf(id, 700))
  })
  await file.close()
  return path
}

/** 20 rows in the database, 50 more in the log, one commit each; as a killed process leaves them. */
async function killed(t: Test): Promise<string> {
  const path = await written(t)
  await runChild({ path, rows: 50, clients: 1, bytes: 700, end: 'exit' })
  return path
}

function open(t: Test, path: string, isOurs = false): { file: QueueFile; notices: Notice[] } {
  const notices: Notice[] = []
  const file = openFile({ path, schema, isOurs, onNotice: (notice) => notices.push(notice) })
  t.teardown(() => file.close())
  return { file, notices }
}

function keptOf([notice]: readonly Notice[]): string {
  return notice?.is === 'set-aside' ? notice.kept : ''
}
