/** The doors: `--version` at once, the pinned Node where the one that runs is too old, and one line where there is none. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { needsOldNode } from '../house/oldNode.ts'

/** What a program sees of the environment: nothing of tap's, which would load tap into it. */
const env = { PATH: process.env.PATH, HOME: process.env.HOME }

const pinned = resolve('node_modules/node/bin/node')

/** Says what it was given, then ends as it is told: by status, or by a signal that it waits for. */
const main = `
export async function main(argv) {
  if (argv[0] === 'wait') setInterval(() => {}, 1000)
  if (argv[0] === 'exit') process.exitCode = Number(argv[1])
  if (argv[0] === 'tidy') {
    const timer = setInterval(() => {}, 1000)
    process.once('SIGTERM', () => {
      clearInterval(timer)
      process.exitCode = 42
    })
  }
  console.log(JSON.stringify({ node: process.versions.node, argv }))
}
`

t.test('--version answers with the version, before anything is loaded', async (t) => {
  const { stdout, status } = spawnSync(process.execPath, ['bin/run.js', '--version'], { encoding: 'utf8', env })
  t.equal(status, 0)
  t.match(stdout, /^ipdc \d+\.\d+\.\d+\n$/)
})

t.test('--version answers under an old Node too', async (t) => {
  const old = needsOldNode(t)
  if (old === undefined) return
  t.match(spawnSync(old, ['bin/run.js', '--version'], { encoding: 'utf8', env }).stdout, /^ipdc \d+\.\d+\.\d+\n$/)
})

t.test('--version takes at most 150 ms of CPU', async (t) => {
  const { stdout } = spawnSync('sh', ['-c', '"$0" bin/run.js --version; times', process.execPath], { encoding: 'utf8', env })
  const ms = cpuOfChildren(stdout)
  t.ok(ms > 0 && ms <= 150, `${ms} ms`)
})

t.test('a door hands its arguments to the sources, and their exit status back', async (t) => {
  const { stdout, status } = spawnSync(process.execPath, [doorIn(t), 'exit', '65', '--json'], { encoding: 'utf8', env })
  t.same(JSON.parse(stdout).argv, ['exit', '65', '--json'])
  t.equal(status, 65)
})

t.test('without sources it takes what was built', async (t) => {
  const { stdout } = spawnSync(process.execPath, [doorIn(t, 'dist'), 'exit', '0'], { encoding: 'utf8', env })
  t.same(JSON.parse(stdout).argv, ['exit', '0'])
})

t.test('under an old Node the pinned one takes over, with arguments and exit status', async (t) => {
  const old = needsOldNode(t)
  if (old === undefined) return
  const { stdout, status } = spawnSync(old, [doorIn(t, 'src', pinned), 'exit', '75', 'a b'], { encoding: 'utf8', env })
  t.same(JSON.parse(stdout).argv, ['exit', '75', 'a b'])
  t.equal(JSON.parse(stdout).node.split('.')[0], '24')
  t.equal(status, 75)
})

t.test('under an old Node a signal goes through to the pinned one, and its end comes back', async (t) => {
  const old = needsOldNode(t)
  if (old === undefined) return
  const tidy = await started(old, [doorIn(t, 'src', pinned), 'tidy'])
  tidy.kill('SIGTERM')
  t.same(await once(tidy, 'exit'), [42, null])
  const waiting = await started(old, [doorIn(t, 'src', pinned), 'wait'])
  waiting.kill('SIGTERM')
  t.same(await once(waiting, 'exit'), [null, 'SIGTERM'])
})

t.test('under an old Node that is killed the pinned one ends too', async (t) => {
  const old = needsOldNode(t)
  if (old === undefined) return
  const launcher = await started(old, [doorIn(t, 'src', pinned), 'wait'])
  const ended = once(launcher.stdout ?? launcher, 'close')
  launcher.kill('SIGKILL')
  // The pinned one holds the other end of the output until it ends.
  await ended
  t.pass('its output is closed')
})

t.test('under an old Node without a pinned one it says in one line which Node is needed, and ends with 69', async (t) => {
  const old = needsOldNode(t)
  if (old === undefined) return
  const { stdout, stderr, status } = spawnSync(old, [doorIn(t), 'exit', '0'], { encoding: 'utf8', env })
  t.equal(stdout, '')
  t.match(stderr, /^OLD_NODE: ipdc needs Node 22\.19 or newer and this is \d+\.\d+\.\d+ .*\n$/)
  t.equal(status, 69)
})

/** The doors in a tree of their own, over a small main. */
function doorIn(t: Test, house: 'src' | 'dist' = 'src', node?: string): string {
  const root = join(t.testdir(), house)
  const commands = house === 'src' ? join(root, 'src/commands/main.ts') : join(root, 'dist/src/commands/main.js')
  mkdirSync(dirname(commands), { recursive: true })
  writeFileSync(commands, house === 'src' ? `${main}\nexport const types: string = 'to be stripped'\n` : main)
  cpSync('bin', join(root, 'bin'), { recursive: true })
  cpSync('package.json', join(root, 'package.json'))
  if (node !== undefined) {
    mkdirSync(join(root, 'node_modules/node/bin'), { recursive: true })
    symlinkSync(node, join(root, 'node_modules/node/bin/node'))
  }
  return join(root, 'bin/run.js')
}

/** A process that has said what it was given, and so is ready for signals. */
async function started(node: string, args: string[]) {
  const child = spawn(node, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}

/** What `times` of a shell says of its children, in ms: its last line, `0m0.031s 0m0.015s`. */
function cpuOfChildren(stdout: string): number {
  const told = stdout.trim().split('\n').at(-1) ?? ''
  return [...told.matchAll(/(\d+)m([\d.]+)s/g)].reduce((ms, [, minutes, seconds]) => ms + Number(minutes) * 60_000 + Number(seconds) * 1000, 0)
}
