/** What is not ours, at the path of a queue: refused, and as it was afterwards. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { createSqliteBackend } from '../../../../agent/queue/sqlite/backend.ts'
import { openFile } from '../../../../agent/queue/sqlite/file.ts'
import { schema } from './child.ts'
import { folder } from './open.ts'
import { runChild } from './spawned.ts'

const open = (path: string, isOurs = false) => createSqliteBackend({ path, isOurs })

/** All that a folder has: names, modes, times of change, bytes. */
function stateOf(path: string) {
  return readdirSync(path).map((name) => {
    const { mode, mtimeMs, isFile } = { ...lstatSync(join(path, name)), isFile: lstatSync(join(path, name)).isFile() }
    return [name, mode, mtimeMs, isFile ? readFileSync(join(path, name), 'latin1') : '']
  })
}

function refused(t: Test, path: string, message: RegExp, isOurs = false): void {
  const before = stateOf(dirname(path))
  t.throws(() => open(path, isOurs), { code: 'NOT_SUPPORTED', message, hint: /Choose another path/ }, path)
  t.same(stateOf(dirname(path)), before, `${path} is as it was`)
}

function write(path: string, text: string): string {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const db = new DatabaseSync(path)
  db.exec(text)
  db.close()
  return path
}

t.test('a directory, a device, a named pipe, a socket and a symlink to one or to nothing are refused, even where all is ours', async (t) => {
  const home = folder(t)
  const at = (name: string) => join(home, name)
  mkdirSync(at('directory'))
  execFileSync('mkfifo', [at('pipe')])
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(at('socket'), resolve))
  t.teardown(() => server.close())
  symlinkSync('/dev/null', at('null'))
  symlinkSync(at('nowhere'), at('dangling'))
  symlinkSync(at('pipe'), at('link'))
  for (const [name, message] of [
    ['directory', /a directory, not a file/],
    ['pipe', /a named pipe/],
    ['socket', /a socket/],
    ['null', /a device/],
    ['dangling', /a symlink to nothing/],
    ['link', /a named pipe/],
  ] as const) {
    refused(t, at(name), message, true)
  }
  const { mode } = statSync('/dev/null')
  t.throws(() => open('/dev/null'), { code: 'NOT_SUPPORTED', message: /a device/ })
  t.equal(statSync('/dev/null').mode, mode)
})

t.test('a symlink to a queue is followed: the log lies beside the file itself, so both names are one queue', async (t) => {
  const home = folder(t)
  mkdirSync(join(home, 'real'))
  const path = join(home, 'real', 'queue.db')
  await open(path).close()
  const link = join(home, 'link.db')
  symlinkSync(path, link)
  const file = open(link)
  t.ok(existsSync(`${path}-wal`))
  t.notOk(existsSync(`${link}-wal`))
  t.throws(() => open(path), { code: 'IN_USE' })
  await file.close()
})

t.test('a text, a picture, and a database with a damaged first page are nobody we know: refused', async (t) => {
  const home = folder(t)
  const at = (name: string) => join(home, name)
  writeFileSync(at('notes.txt'), 'Dear diary')
  writeFileSync(at('long.txt'), 'Dear diary\n'.repeat(1000))
  write(at('app.db'), 'CREATE TABLE notes (text)')
  writeFileSync(at('app.db'), Buffer.from(readFileSync(at('app.db'))).fill('x', 0, 100))
  chmodSync(at('notes.txt'), 0o644)
  for (const name of ['notes.txt', 'long.txt', 'app.db']) refused(t, at(name), /is not a queue/)
})

t.test('a database of something else is refused, even where all is ours: also one without a table, or whose tables are in its log', async (t) => {
  const home = folder(t)
  const at = (name: string) => join(home, name)
  write(at('empty.db'), 'PRAGMA user_version=7')
  write(at('dropped.db'), 'CREATE TABLE notes (text); DROP TABLE notes')
  write(at('app.db'), 'PRAGMA application_id=7')
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const db = new DatabaseSync(at('live.db'))
  t.teardown(() => db.close())
  db.exec('PRAGMA journal_mode=WAL; CREATE TABLE notes (text)')
  for (const name of ['empty.db', 'dropped.db', 'app.db', 'live.db']) refused(t, at(name), /something else/, true)
})

t.test('an empty file is taken: nothing is lost by it', async (t) => {
  const path = join(folder(t), 'queue.db')
  writeFileSync(path, '')
  await open(path).close()
  t.ok(statSync(path).size > 0)
})

t.test('whoever looks at a queue that this process has open does not take its lock away', async (t) => {
  const path = join(folder(t), 'queue.db')
  const file = openFile({ path, schema })
  t.teardown(() => file.close())
  t.throws(() => openFile({ path, schema }), { code: 'IN_USE' })
  t.match(await runChild({ path, rows: 1, clients: 1, bytes: 10, end: 'exit' }), [/IN_USE/])
})
