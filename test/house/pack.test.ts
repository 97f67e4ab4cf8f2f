/** What is shipped: the packed tarball, installed into an empty folder, runs there and says so where Node is too old. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'
import { needsOldNode } from './oldNode.ts'

t.setTimeout(300_000)

// Outside of the checkout, whose node_modules would lend what is missing.
const root = mkdtempSync(join(tmpdir(), 'ipdc-pack-'))
t.teardown(() => rmSync(root, { recursive: true, force: true }))
const [tarball, home, empty] = [join(root, 'tarball'), join(root, 'home'), join(root, 'empty')]
for (const folder of [tarball, join(home, 'tmp'), empty]) mkdirSync(folder, { recursive: true })
writeFileSync(join(empty, 'package.json'), '{ "private": true }')
const pinned = resolve('node_modules/node/bin')
const ipdc = join(empty, 'node_modules/.bin/ipdc')

/** The environment without what npm and tap put into it for this test alone. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(?:_?TAP|NODE$|NODE_OPTIONS|IPDC_|npm_(?:package|lifecycle|command|config_local_prefix))/i.test(name)),
)

t.test('npm pack builds a tarball of doors and JavaScript', async (t) => {
  t.equal(endOf(run('npm', ['pack', '--pack-destination', tarball], process.cwd())), 'well')
  const files = run('tar', ['-tzf', packed()], root).stdout.trim().split('\n')
  for (const file of ['bin/run.js', 'bin/agent.js', 'dist/src/core/kind.js', 'dist/src/core/kind.d.ts', 'LICENSE', 'README.md']) {
    t.ok(files.includes(`package/${file}`), `it has ${file}`)
  }
  t.same(
    files.filter((file) => /^package\/(?:src|agent|test|bench)\//.test(file) || /(?<!\.d)\.ts$/.test(file)),
    [],
    'it has no sources and no tests',
  )
})

t.test('it installs into an empty folder', async (t) => {
  const installed = run('npm', ['install', '--prefer-offline', '--loglevel=error', '--no-audit', '--no-fund', packed()], empty)
  if (/\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENOTCACHED)\b/.test(installed.stderr)) t.comment('no package registry can be reached from here')
  t.equal(endOf(installed), 'well')
})

t.test('the installed command tells its version', async (t) => {
  t.match(run(ipdc, ['--version'], empty).stdout, /^ipdc \d+\.\d+\.\d+\n$/)
})

t.test('the installed modules can be imported by name', async (t) => {
  const names = run('node', ['--input-type=module', '-e', "console.log(Object.keys(await import('ipdc')), Object.keys(await import('ipdc/plugin')))"], empty)
  t.match(names, { stdout: /defineKind.*defineKind/s })
})

t.test('the installed demo counts words, and leaves nothing behind', async (t) => {
  const demo = run(ipdc, ['demo'], empty, { HOME: home, TMPDIR: join(home, 'tmp') })
  t.equal(endOf(demo), 'well')
  t.match(demo.stdout + demo.stderr, /\bbafy[a-z2-7]{55}\b/, 'it tells the root address')
  t.same(readdirSync(join(home, 'tmp')), [], 'no temporary file')
})

t.test('under an old Node the installed command says in one line which one it needs', async (t) => {
  const old = needsOldNode(t)
  if (old === undefined) return
  const refused = run(ipdc, ['demo'], empty, { PATH: `${dirname(old)}:/usr/bin:/bin` })
  t.match(refused, { status: 69, stdout: '', stderr: /^OLD_NODE: ipdc needs Node 22\.19 or newer and this is \d+\.\d+\.\d+ .*\n$/ })
})

function packed(): string {
  return join(tarball, readdirSync(tarball).find((name) => name.endsWith('.tgz')) ?? 'none')
}

function endOf({ status, stderr }: { status: number | null; stderr: string }): string {
  return status === 0 ? 'well' : `status ${status}: ${stderr}`
}

/** A program with the pinned Node on its PATH, unless `more` says otherwise. */
function run(program: string, args: string[], cwd: string, more: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    env: { ...env, PATH: `${pinned}:${env.PATH}`, ...more },
    encoding: 'utf8',
    timeout: 180_000,
  })
  return { status, stdout, stderr }
}
