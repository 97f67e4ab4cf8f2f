import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, symlink } from 'node:fs/promises'
import t from 'tap'
import { door, envFor, fakeHome, ipdc } from './cli.ts'

t.test('a file is added as itself, a folder as the directory it is, several with their names', async (t) => {
  const { home, fake } = await fakeHome(t)
  const cwd = t.testdir({ 'book.txt': 'a book', notes: { 'x.md': 'x', y: { 'z.md': 'z' } } })
  const file = await ipdc(['store', 'add', 'book.txt'], { home, cwd })
  t.equal(file.stdout, `${fake.add('a book')}\n`)
  const folder = await ipdc(['store', 'add', 'notes'], { home, cwd })
  t.equal(folder.stdout, `${fake.addDirectory({ 'x.md': fake.add('x'), y: fake.addDirectory({ 'z.md': fake.add('z') }) })}\n`)
  const both = await ipdc(['store', 'add', 'notes', 'book.txt', '--json'], { home, cwd })
  const { cid } = JSON.parse(both.stdout)
  const list = await ipdc(['store', 'ls', cid], { home })
  t.match(list.stdout, /^CID +BYTES +NAME\nbaf\w+ +6 +book\.txt\nbaf\w+ +2 +notes\/\n$/)
  const piped = await ipdc(['store', 'add', '-'], { home, input: 'a book' })
  t.equal(piped.stdout, file.stdout)
})

t.test('bytes come out as they went in, whole or in part', async (t) => {
  const { home, fake } = await fakeHome(t)
  const bytes = Buffer.from([0, 255, 10, 13, 128])
  const cid = fake.addDirectory({ x: fake.add(bytes) })
  const json = await ipdc(['store', 'cat', `/ipfs/${cid}/x`, '--json'], { home })
  t.match(JSON.parse(json.stdout), { size: 5, base64: bytes.toString('base64') })
  const part = await ipdc(['store', 'cat', `${fake.add('0123456789')}`, '--offset', '2', '--length', '3'], { home })
  t.equal(part.stdout, '234')
  t.equal((await ipdc(['store', 'cat', `${cid}/nope`], { home })).status, 66)
})

t.test('a reader that has had enough is no error', async (t) => {
  const { home, fake } = await fakeHome(t)
  const cid = fake.add(Buffer.alloc(8 << 20, 'line\n'))
  const shell = spawn('sh', ['-c', `"${process.execPath}" "${door}" store cat ${cid} 2>err; echo "status $?" >> err`], {
    env: envFor({ home }),
    cwd: home,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(shell.stdout, 'data')
  shell.stdout.destroy()
  await once(shell, 'close')
  t.equal(await readFile(`${home}/err`, 'utf8'), 'status 0\n')
})

t.test('files and folders are written out, and not over others unless forced', async (t) => {
  const { home, fake } = await fakeHome(t)
  const cwd = t.testdir()
  const cid = fake.addDirectory({ a: fake.add('A'), b: fake.addDirectory({ c: fake.add('C') }) })
  t.equal((await ipdc(['store', 'get', `${cid}/a`], { home, cwd })).status, 0)
  t.equal(await readFile(`${cwd}/a`, 'utf8'), 'A')
  t.match(await ipdc(['store', 'get', `${cid}/b/c`, 'a'], { home, cwd }), { status: 2, stderr: /a exists already/ })
  t.equal((await ipdc(['store', 'get', `${cid}/b/c`, 'a', '--force'], { home, cwd })).status, 0)
  t.equal(await readFile(`${cwd}/a`, 'utf8'), 'C')
  t.equal((await ipdc(['store', 'get', cid, 'tree'], { home, cwd })).status, 0)
  t.equal(await readFile(`${cwd}/tree/b/c`, 'utf8'), 'C')
  t.equal((await ipdc(['store', 'get', cid, 'tree'], { home, cwd })).status, 2)
  t.equal((await ipdc(['store', 'get', `${cid}/a`, '-o', 'named'], { home, cwd })).status, 0)
  t.equal(await readFile(`${cwd}/named`, 'utf8'), 'A')
  t.match(await ipdc(['store', 'get', cid, 'here', '-o', 'there'], { home, cwd }), { status: 2, stderr: /Two places are named: here and there/ })
})

t.test('no name of a DAG leads out of the folder', async (t) => {
  const { home, fake } = await fakeHome(t)
  for (const name of ['..', '../up', '/etc/up', 'a\\..\\b', 'a\u0000b', '']) {
    const cwd = t.testdir({ in: {} })
    const ran = await ipdc(['store', 'get', fake.addDirectory({ [name]: fake.add('evil') }), 'in/side'], { home, cwd })
    t.equal(ran.status, 65, JSON.stringify(name))
    t.match(ran.stderr, /BAD_PATH/)
  }
})

t.test('a link in the folder is not followed, whoever put it there', async (t) => {
  const { home, fake } = await fakeHome(t)
  const cwd = t.testdir({ in: {}, out: {} })
  await symlink('../out', `${cwd}/in/b`)
  const ran = await ipdc(['store', 'get', fake.addDirectory({ b: fake.addDirectory({ c: fake.add('evil') }) }), 'in', '--force'], { home, cwd })
  t.equal(ran.status, 65)
  t.match(ran.stderr, /in\/b is no folder/)
})
