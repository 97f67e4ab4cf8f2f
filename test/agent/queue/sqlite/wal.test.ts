/** What is read from the log beside SQLite is what SQLite itself says of it. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { createWal, inspect } from '../../../../agent/queue/sqlite/wal.ts'
import { createRandom } from './random.ts'

const pageSize = 512

t.test('frames are counted as SQLite counts them, whatever the steps', async (t) => {
  const { db, fd, insert } = await open(t)
  const wal = createWal(fd, pageSize)
  const random = createRandom(1)
  for (let commit = 0; commit < 60; commit += 1) {
    for (let row = Math.floor(random() ** 4 * 60); row >= 0; row -= 1) insert.run('x'.repeat(random() * 2000))
    if (random() < 0.5) wal.look()
  }
  wal.look()
  const written = Number(db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()?.log)
  t.equal(wal.frames, written)
  t.equal(wal.read()?.pages.length, written)
  wal.restarted()
  insert.run('x')
  wal.look()
  t.equal(wal.frames, db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()?.log, 'and in the log that follows, over the frames of the former')
})

t.test('frames of a transaction that was undone are unmade', async (t) => {
  const { db, fd, insert } = await open(t)
  const wal = createWal(fd, pageSize)
  db.exec('PRAGMA cache_size=10')
  insert.run('kept')
  wal.look()
  const { frames } = wal
  db.exec('BEGIN')
  for (let row = 0; row < 200; row += 1) insert.run('x'.repeat(1000))
  db.exec('ROLLBACK')
  t.ok(frameIsThere(fd, frames + 5), 'they were written before the COMMIT')
  wal.cut()
  t.equal(wal.frames, frames)
  insert.run('kept as well')
  wal.look()
  t.equal(wal.read()?.pages.length, wal.frames)
  t.equal(wal.frames, db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()?.log)
})

t.test('bytes that cannot be read back as they were written are found out', async (t) => {
  const { fd, insert } = await open(t)
  const wal = createWal(fd, pageSize)
  for (let row = 0; row < 20; row += 1) insert.run('x'.repeat(500))
  wal.look()
  t.ok(wal.read())
  for (const at of [0, 20, 32 + 10 * (24 + pageSize) + 3, 32 + 15 * (24 + pageSize) + 100]) {
    const byte = Buffer.alloc(1)
    readSync(fd, byte, 0, 1, at)
    writeSync(fd, Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, at)
    t.equal(wal.read(), undefined, `byte ${at}`)
    writeSync(fd, byte, 0, 1, at)
    t.ok(wal.read())
  }
})

t.test('a log is told from none, from one that was emptied, and from garbage', async (t) => {
  const { fd, insert } = await open(t)
  insert.run('x')
  t.equal(inspect(fd), 'sound')
  writeSync(fd, Buffer.alloc(32), 0, 32, 0)
  t.equal(inspect(fd), 'emptied')
  writeSync(fd, Buffer.alloc(32, 'garbage'), 0, 32, 0)
  t.equal(inspect(fd), 'garbage')
  const none = openSync(join(await temporary(t), 'none'), 'w+')
  t.equal(inspect(none), 'new')
  closeSync(none)
})

function frameIsThere(fd: number, frame: number): boolean {
  const head = Buffer.alloc(8)
  readSync(fd, head, 0, 8, 32 + (frame - 1) * (24 + pageSize) + 8)
  return head.some((byte) => byte !== 0)
}

async function open(t: Test): Promise<{ db: DatabaseSync; fd: number; insert: { run(text: string): unknown } }> {
  const path = join(await temporary(t), 'some.db')
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const db = new DatabaseSync(path)
  for (const pragma of [`page_size=${pageSize}`, 'locking_mode=EXCLUSIVE', 'journal_mode=WAL', 'synchronous=OFF', 'wal_autocheckpoint=0']) {
    db.prepare(`PRAGMA ${pragma}`).get()
  }
  db.exec('CREATE TABLE t (v TEXT)')
  const fd = openSync(`${path}-wal`, 'r+')
  t.teardown(() => {
    db.close()
    closeSync(fd)
  })
  return { db, fd, insert: db.prepare('INSERT INTO t VALUES (?)') }
}

async function temporary(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ipdc-wal-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}
