import { chmod, stat } from 'node:fs/promises'
import t from 'tap'
import { homeOf, openHome, socketOf } from '../../../src/core/client/home.ts'
import { codeOf } from '../../../src/core/errors.ts'

t.test('the home is IPDC_HOME, else in the XDG data folder, else in ~/.local/share', (t) => {
  t.equal(homeOf({ IPDC_HOME: '/srv/ipdc', XDG_DATA_HOME: '/data', HOME: '/home/ada' }), '/srv/ipdc')
  t.equal(homeOf({ XDG_DATA_HOME: '/data', HOME: '/home/ada' }), '/data/ipdc')
  t.equal(homeOf({ HOME: '/home/ada' }), '/home/ada/.local/share/ipdc')
  t.end()
})

t.test('a relative XDG folder is ignored, a relative IPDC_HOME is made absolute', (t) => {
  t.equal(homeOf({ XDG_DATA_HOME: 'data', HOME: '/home/ada' }), '/home/ada/.local/share/ipdc')
  t.equal(homeOf({ IPDC_HOME: 'here' }), `${process.cwd()}/here`)
  t.end()
})

t.test('a socket lies in its home while its path fits into 100 bytes', (t) => {
  t.equal(socketOf('/home/ada/.local/share/ipdc', {}), '/home/ada/.local/share/ipdc/agent.sock')
  t.equal(Buffer.byteLength(socketOf(`/${'x'.repeat(88)}`, {})), 100)
  t.end()
})

t.test('a home too long for a socket has one in the runtime folder, its own and always the same', (t) => {
  const long = `/${'x'.repeat(89)}`
  const env = { XDG_RUNTIME_DIR: '/run/user/7' }
  t.match(socketOf(long, env), /^\/run\/user\/7\/ipdc-[0-9a-f]{16}\.sock$/)
  t.equal(socketOf(`${long}/`, env), socketOf(long, env))
  t.not(socketOf(`${long}y`, env), socketOf(long, env))
  t.ok(Buffer.byteLength(socketOf(`/${'ä'.repeat(50)}`, env)) <= 100, 'bytes count, not letters')
  t.end()
})

t.test('a new home is for its owner only', async (t) => {
  const home = await openHome(`${t.testdir()}/a/b`)
  t.equal((await stat(home)).mode & 0o777, 0o700)
})

t.test('a home that others may write in is refused', async (t) => {
  const home = t.testdir()
  await chmod(home, 0o777)
  await t.rejects(openHome(home), { code: 'REFUSED', hint: `chmod 700 ${home}` })
})

t.test('a home that cannot be made is an IO error that names it', async (t) => {
  const home = `${t.testdir({ file: '' })}/file/home`
  const error = await openHome(home).catch((error: unknown) => error)
  t.equal(codeOf(error), 'IO')
  t.match((error as Error).message, home)
})
