/** The agent as a process: reads its command line, starts, says so, and ends in good order on a signal, on `down`, or with its parent. */
import { rmSync, writeSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { codeOf, rowOf, toFailure } from '../src/core/errors.ts'
import type { Log } from '../src/core/log.ts'
import { type Agent, startAgent } from './agent.ts'
import { readStart, readyFdOf, type Start } from './flags.ts'
import { openLogger } from './logger.ts'

/** A stop that takes longer is ended. @default 10_000 (ms) */
const stopMs = 10_000

export async function main(argv: readonly string[]): Promise<void> {
  let start: Start | undefined
  let log: Log | undefined
  try {
    start = await readStart(argv)
    log = openLogger(start.config.log)
    await live(start, log)
  } catch (error) {
    const failure = toFailure(error)
    log?.error({ err: error }, 'agent not started')
    const readyFd = readyFdOf(argv)
    tell(readyFd, { error: failure })
    if (readyFd === undefined) process.stderr.write(`Error ${failure.code} ${failure.message}\n${failure.hint === undefined ? '' : `Try: ${failure.hint}\n`}`)
    if (start?.temporary === true && codeOf(error) !== 'ALREADY_RUNNING') await rm(start.home, { recursive: true, force: true })
    process.exit(rowOf(failure.code).exit)
  }
}

async function live(start: Start, log: Log): Promise<void> {
  let end: (now: boolean) => void = () => {}
  const ending = new Promise<boolean>((resolve) => {
    end = resolve
  })
  // Heard from the first moment on: a parent that dies while we start must not leave us behind.
  process.on('SIGTERM', () => end(true))
  process.on('SIGINT', () => end(true))
  process.on('SIGHUP', () => end(true))
  if (start.lifelineFd !== undefined) watchLifeline(start.lifelineFd, () => end(true))

  const starting = startAgent({ ...start, log, stop: (now) => end(now) })
  const agent = await Promise.race([starting, ending])
  if (typeof agent === 'object') {
    tell(start.readyFd, { ready: true, node: agent.node, url: agent.url })
    await stop(agent, await ending, start, log)
  } else {
    await stop(await starting, true, start, log)
  }
  if (start.temporary) await rm(start.home, { recursive: true, force: true })
  process.exit(0)
}

/** `now`: running tasks are ended, not waited for. A second signal while waiting means now. */
async function stop(agent: Agent, now: boolean, { home, temporary }: Start, log: Log): Promise<void> {
  const hurry = new AbortController()
  if (now) hurry.abort()
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => hurry.abort())
  let late: NodeJS.Timeout | undefined
  const count = () => {
    late = setTimeout(() => {
      log.error({}, 'the agent did not stop in time and is ended')
      if (temporary) rmSync(home, { recursive: true, force: true })
      process.exit(rowOf('TIMEOUT').exit)
    }, stopMs)
  }
  if (hurry.signal.aborted) count()
  else hurry.signal.addEventListener('abort', count)
  await agent.stop(hurry.signal)
  clearTimeout(late)
}

function watchLifeline(fd: number, gone: () => void): void {
  const lifeline = new Socket({ fd, readable: true, writable: false })
  lifeline.on('error', gone)
  lifeline.on('close', gone)
  lifeline.resume()
  lifeline.unref()
}

function tell(fd: number | undefined, line: object): void {
  if (fd === undefined) return
  try {
    writeSync(fd, `${JSON.stringify(line)}\n`)
  } catch {
    // Whoever started us is gone; the signal of that comes another way.
  }
}
