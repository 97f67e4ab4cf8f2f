/** A domain for the length of one function: whatever happens in it, and on ^C, nothing of it is left. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Launched, type LaunchOptions, launch } from '../../core/client/launch.ts'
import { IpdcError } from '../../core/errors.ts'

/** An agent that has not ended by then is killed. @default 10_000 (ms) */
const stopMs = 10_000

/** @throws INTERRUPTED after ^C, and whatever `use` throws */
export async function withPassingDomain<T>(options: Omit<LaunchOptions, 'home'>, use: (domain: Launched, signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController()
  const onSignal = () => ending.abort()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  const home = await mkdtemp(join(tmpdir(), 'ipdc-'))
  try {
    const domain = await launch({ ...options, home, until: 'idle', lifeline: true, temporary: true })
    try {
      ending.signal.throwIfAborted()
      return await use(domain, ending.signal)
    } finally {
      await end(domain)
    }
  } catch (error) {
    throw ending.signal.aborted ? new IpdcError('INTERRUPTED', { message: 'Ended before it was done; nothing is left' }) : error
  } finally {
    await rm(home, { recursive: true, force: true })
    for (const signal of signals) process.off(signal, onSignal)
  }
}

async function end({ client, session, exited, kill }: Launched): Promise<void> {
  const late = setTimeout(kill, stopMs)
  await client.stop({ now: true }).catch(kill)
  session.close()
  await exited()
  clearTimeout(late)
}
