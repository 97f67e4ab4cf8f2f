/** The command line as a process of its own, in an environment of its own: what a shell would see of it. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { createFakeAgent, type FakeAgent, type FakeOptions } from '../fakes/agent.ts'

export const root = join(import.meta.dirname, '../..')
export const door = join(root, 'bin/run.js')

export interface Ran {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  readonly home: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** What comes on standard input; without it there is none. */
  readonly input?: string | Buffer
  /** Called with all of stderr so far, at each piece of it. */
  readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void
}

/** tap's own environment would reach all processes below. */
export function envFor({ home, env = {} }: Pick<CliOptions, 'home' | 'env'>): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: home, IPDC_HOME: home, TERM: 'xterm', ...env }
}

export async function ipdc(argv: readonly string[], options: CliOptions): Promise<Ran> {
  const { cwd = root, input, onStderr } = options
  const child = spawn(process.execPath, [door, ...argv], { cwd, env: envFor(options), stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    onStderr?.(stderr, (signal) => child.kill(signal))
  })
  child.stdin?.on('error', () => {}).end(input)
  const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { status, signal, stdout, stderr }
}

/** A home with a short path (a socket fits in it) that is gone after the test. */
export async function homeFor(t: Pick<Test, 'teardown'>): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'ipdc-test-'))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  return home
}

/** A home in which the fake agent runs. */
export async function fakeHome(t: Pick<Test, 'teardown'>, options: Partial<FakeOptions> = {}): Promise<{ home: string; fake: FakeAgent }> {
  const home = await homeFor(t)
  const fake = await createFakeAgent({ socket: `${home}/agent.sock`, home, ...options })
  t.teardown(() => fake.close())
  return { home, fake }
}

/** The same on a terminal of its own, by util-linux's `script`. `type` is what somebody types: `\u0003` is ^C. */
export async function onTerminal(
  argv: readonly string[],
  { onOutput, ...options }: Omit<CliOptions, 'input' | 'onStderr'> & { readonly onOutput: (text: string, type: (keys: string) => void) => void },
): Promise<{ status: number | null; output: string }> {
  // The shell between would hear ^C, too, and end with it.
  const words = [process.execPath, door, ...argv].map((word) => `'${word.replaceAll("'", "'\\''")}'`)
  const child = spawn('script', ['--quiet', '--flush', '--return', '--command', `exec ${words.join(' ')}`, '/dev/null'], {
    cwd: options.cwd ?? root,
    env: { ...envFor(options), SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    onOutput(output, (keys) => void child.stdin.write(keys))
  })
  child.stdin.on('error', () => {})
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, output }
}

/** Whether this machine has `script`, of every Debian's bsdutils; elsewhere tests on a terminal are skipped by name. */
export const noTerminal = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ? false : '`script` of util-linux is not here'
