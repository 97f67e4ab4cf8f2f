/** A line of shell as a user types it, with `ipdc` on its PATH. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { COMMANDS, type CommandId } from '../../src/commands/index.ts'
import { door, envFor, type Ran } from './cli.ts'

export interface Place {
  readonly home: string
  readonly cwd: string
}

/** A home with a short path, and a folder to work in; both are gone after the test. */
export async function placeFor(t: Pick<Test, 'teardown'>): Promise<Place> {
  const dir = await mkdtemp(join(tmpdir(), 'ipdc-test-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const place = { home: join(dir, 'home'), cwd: join(dir, 'work') }
  await mkdir(join(place.cwd, 'bin'), { recursive: true })
  await symlink(door, join(place.cwd, 'bin/ipdc'))
  return place
}

/** `until`: a text of stderr after which ^C is pressed. */
export async function inShell(line: string, { cwd, home }: Place, until?: string): Promise<Ran> {
  const { PATH, ...env } = envFor({ home })
  const child = spawn('sh', ['-c', `exec ${line}`], { cwd, env: { ...env, PATH: `${cwd}/bin:${PATH}` }, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const before = until !== undefined && stderr.includes(until)
    stderr += text
    if (until !== undefined && !before && stderr.includes(until)) child.kill('SIGINT')
  })
  const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { status, signal, stdout, stderr }
}

/** The lines that the help of a command shows. */
export async function examplesOf(id: CommandId): Promise<string[]> {
  const { default: Command } = await COMMANDS[id]()
  return Command.examples.map((example) => {
    const line = typeof example === 'string' ? example : example.command
    return line.replaceAll('<%= config.bin %>', 'ipdc').replaceAll('<%= command.id %>', id.replaceAll(':', ' '))
  })
}

/** Processes whose command line speaks of a folder. */
export async function processesOf(folder: string): Promise<string[]> {
  const ps = spawn('ps', ['-eo', 'pid,args', '-ww'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  for await (const chunk of ps.stdout) text += chunk
  return text.split('\n').filter((line) => line.includes(folder))
}
