/**
 * More agents of a throw-away domain, as children of this one, in temporary homes. Each holds one end of a pipe whose other end
 * is ours: when we are gone, however, the pipe closes and they end. When one of them is killed, its home is removed here.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { agentPath } from '../src/core/client/package.ts'
import { fromFailure, IpdcError } from '../src/core/errors.ts'
import type { Failure } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import { enrol, type Membership } from './membership.ts'

/** A companion that is not ready by then is a failure. @default 20_000 (ms) */
const readyMs = 20_000

export interface Companions {
  stop(): Promise<void>
}

export interface CompanionsOptions {
  readonly count: number
  readonly membership: Required<Membership>
  readonly broker: string
  readonly slots: number
  readonly wall: number
  readonly log: Log
}

export async function startCompanions({ count, membership, broker, slots, wall, log }: CompanionsOptions): Promise<Companions> {
  const started: { child: ChildProcess; ended: Promise<void> }[] = []

  const startOne = async (index: number) => {
    const home = await mkdtemp(join(tmpdir(), 'ipdc-node-'))
    await enrol(home, membership, wall).catch(async (error) => {
      await rm(home, { recursive: true, force: true })
      throw error
    })
    const flags = [
      '--home',
      home,
      '--temporary',
      '--broker',
      broker,
      '--slots',
      String(slots),
      '--name',
      `companion-${index + 1}`,
      '--ready-fd',
      '3',
      '--lifeline-fd',
      '4',
    ]
    const child = spawn(process.execPath, [...process.execArgv, agentPath(), ...flags], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
    const ended = once(child, 'exit').then(async ([code, signal]) => {
      log.info({ companion: home, code, signal }, 'companion ended')
      await rm(home, { recursive: true, force: true })
    })
    started.push({ child, ended })
    await ready(child, ended)
  }

  const stop = async () => {
    for (const { child } of started) child.kill('SIGTERM')
    const killer = setTimeout(() => {
      for (const { child } of started) child.kill('SIGKILL')
    }, 5_000)
    await Promise.all(started.map(({ ended }) => ended))
    clearTimeout(killer)
  }

  // All of them come or fail before any is ended: none is started behind the back of a stop.
  const outcomes = await Promise.allSettled(Array.from({ length: count }, (_, index) => startOne(index)))
  const failed = outcomes.find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') {
    await stop()
    throw failed.reason
  }
  return { stop }
}

/** The one line that an agent writes when it is ready, or why it is not. */
async function ready(child: ChildProcess, ended: Promise<void>): Promise<void> {
  const lines = createInterface({ input: child.stdio[3] as Readable })
  const timeout = new AbortController()
  const late = setTimeout(() => timeout.abort(), readyMs)
  try {
    const [line] = (await Promise.race([once(lines, 'line', { signal: timeout.signal }), ended.then(() => [])])) as [string?]
    const said =
      line === undefined
        ? { error: { code: 'NODE_LOST', message: 'A companion ended while it started', hint: 'Try again' } }
        : (JSON.parse(line) as { ready?: true; error?: Failure })
    if (said.error !== undefined) throw fromFailure(said.error)
  } catch (error) {
    throw timeout.signal.aborted ? new IpdcError('TIMEOUT', { message: `A companion was not ready within ${readyMs / 1000} s` }) : error
  } finally {
    clearTimeout(late)
    lines.close()
  }
}
