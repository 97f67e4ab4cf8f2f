/** The process of an agent: started with its flags, its log in its home, and heard when it is ready or says why it is not. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fromFailure, IpdcError, wrap } from '../errors.ts'
import type { Failure } from '../kind.ts'
import { agentPath } from './package.ts'

export interface LaunchOptions {
  readonly home: string
  /** More agents, children of the first in temporary homes: all together are a fresh throw-away domain. @default none: the home's own domain */
  readonly companions?: number | undefined
  /** `idle`: ends when no job is open and no session is connected. @default 'stopped' */
  readonly until?: 'idle' | 'stopped'
  /** Port of the broker it serves on loopback; 0 takes a free one. */
  readonly serveBroker?: number | undefined
  /** Brokers it uses, `mqtt://host:port`. */
  readonly brokers?: readonly string[]
  readonly name?: string | undefined
  /** Tasks each agent runs at once. @default one a processor */
  readonly slots?: number | undefined
  /** The agent ends with this process, however that ends. @default false: it outlives it */
  readonly lifeline?: boolean
  /** The agent removes its home at its end. @default false */
  readonly temporary?: boolean
  /** @default 15_000, and 5_000 for each companion (ms) */
  readonly readyMs?: number
  readonly env?: NodeJS.ProcessEnv
  /** @default bin/agent.js of this package */
  readonly program?: string
}

/** The log is begun anew when it has grown larger. @default 8 MiB */
const maxLogBytes = 8 * 2 ** 20

/** @throws IO, DISK_FULL */
export function start(options: LaunchOptions): ChildProcess {
  const log = openLog(join(options.home, 'agent.log'))
  try {
    const child = spawn(process.execPath, [options.program ?? agentPath(), ...flagsOf(options)], {
      cwd: options.home,
      // A group of its own: ^C is for the command, which decides what becomes of the agent.
      detached: true,
      stdio: ['ignore', log, log, 'pipe', options.lifeline ? 'pipe' : 'ignore'],
      ...(options.env === undefined ? {} : { env: options.env }),
    })
    child.unref()
    const lifeline = child.stdio[4]
    // The agent's end of it closes when this process is gone; until then it holds nobody up.
    if (lifeline) unref(lifeline)
    return child
  } finally {
    closeSync(log)
  }
}

function flagsOf({ home, companions, until = 'stopped', serveBroker, brokers = [], name, slots, lifeline, temporary }: LaunchOptions): string[] {
  const flag = (name: string, value: string | number | undefined) => (value === undefined ? [] : [`--${name}`, String(value)])
  return [
    ...flag('home', home),
    ...flag('until', until),
    ...flag('ready-fd', 3),
    ...flag('lifeline-fd', lifeline ? 4 : undefined),
    ...flag('companions', companions),
    ...flag('serve-broker', serveBroker),
    ...brokers.flatMap((url) => flag('broker', url)),
    ...flag('name', name),
    ...flag('slots', slots),
    ...(temporary ? ['--temporary'] : []),
  ]
}

/** Waits for the agent's one line: `{"ready":true}` or `{"error":{…}}`. @throws what it says; TIMEOUT; NO_AGENT where it ended without a word */
export async function ready(child: ChildProcess, readyMs: number, home: string): Promise<void> {
  const pipe = child.stdio[3] as Readable
  const timer = setTimeout(
    () => pipe.destroy(new IpdcError('TIMEOUT', { message: `The agent was not ready after ${readyMs / 1000} s`, hint: `See ${home}/agent.log` })),
    readyMs,
  )
  child.once('error', (error) => pipe.destroy(error))
  try {
    let text = ''
    for await (const chunk of pipe) {
      text += chunk
      if (text.includes('\n')) break
    }
    if (text === '')
      throw new IpdcError('NO_AGENT', {
        message: `The agent ended before it was ready: ${lastLine(join(home, 'agent.log'))}`,
        hint: `See ${home}/agent.log`,
      })
    const { error } = JSON.parse(text) as { error?: Failure }
    if (error !== undefined) throw fromFailure(error)
  } finally {
    clearTimeout(timer)
    pipe.destroy()
  }
}

function openLog(path: string): number {
  try {
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > maxLogBytes) renameSync(path, `${path}.old`)
    return openSync(path, 'a', 0o600)
  } catch (error) {
    throw wrap(error, 'IO', `Cannot open the agent's log ${path}`)
  }
}

/** What a process said last before it died is most often why. */
function lastLine(path: string): string {
  try {
    const file = openSync(path, 'r')
    try {
      const bytes = Buffer.alloc(2000)
      const length = readSync(file, bytes, 0, bytes.length, Math.max(0, fstatSync(file).size - bytes.length))
      return bytes.subarray(0, length).toString().trimEnd().split('\n').at(-1) ?? ''
    } finally {
      closeSync(file)
    }
  } catch {
    return 'it left no log'
  }
}

function unref(stream: unknown): void {
  const { unref } = stream as { unref?: () => void }
  unref?.call(stream)
}
