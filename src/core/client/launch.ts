/**
 * Starts an agent, or a whole throw-away domain, as a process of its own. The agent says over a pipe that it is ready, or why it
 * is not; of two that are started at once in one home one gets its lock, and whoever started the other uses the first.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { codeOf } from '../errors.ts'
import { type Connection, connect } from './connect.ts'
import { openHome } from './home.ts'
import { type LaunchOptions, ready, start } from './process.ts'

export type { LaunchOptions } from './process.ts'

export interface Launched extends Connection {
  readonly pid: number
  /** The status that the process ended with, null where it was killed. Keeps this process until then. */
  exited(): Promise<number | null>
  /** Ends it without asking. Only for one that does not answer any more. */
  kill(): void
}

/** How long to try while another agent of the home starts or ends. @default 15_000 (ms) */
const settleMs = 15_000

/** @throws ALREADY_RUNNING, NO_AGENT where it did not become ready, and whatever it says itself: NO_BROKER, BAD_CONFIG, IO … */
export async function launch(options: LaunchOptions): Promise<Launched> {
  const home = await openHome(options.home)
  const child = start({ ...options, home })
  const over = new Promise<number | null>((resolve) => child.once('exit', (status) => resolve(status)))
  const exited = () => {
    child.ref()
    return over
  }
  try {
    await ready(child, options.readyMs ?? 15_000 + 5_000 * (options.companions ?? 0), home)
    return { ...(await connect(home)), pid: child.pid ?? 0, exited, kill: () => void child.kill('SIGKILL') }
  } catch (error) {
    child.kill('SIGTERM')
    throw error
  }
}

/** The agent of a home: the one that runs there, else a new one. */
export async function reach(options: LaunchOptions): Promise<Connection & Partial<Launched>> {
  const until = performance.now() + settleMs
  for (;;) {
    try {
      return await connect(options.home)
    } catch (error) {
      if (codeOf(error) !== 'NO_AGENT') throw error
    }
    try {
      return await launch(options)
    } catch (error) {
      // Another one holds the lock but does not answer: it is about to be ready, or about to be gone.
      if (codeOf(error) !== 'ALREADY_RUNNING' || performance.now() > until) throw error
      await pause(50)
    }
  }
}
