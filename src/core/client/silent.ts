/** An agent that runs and does not answer: stopped by a signal, or stuck. Its lock names its process. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { IpdcError } from '../errors.ts'

export function silentError(home: string, ms: number): IpdcError {
  const pid = holderOf(home)
  return new IpdcError('TIMEOUT', {
    message: `The agent of ${home}${pid === undefined ? '' : ` (process ${pid})`} did not answer within ${ms / 1000} s`,
    hint: `${pid === undefined ? '' : `kill -CONT ${pid}, or to end it: `}ipdc down --now`,
  })
}

/** Ends it without asking, and gives its process. @throws REFUSED where the process is not seen to be the agent of that home */
export function killSilent(home: string): number {
  const pid = holderOf(home)
  if (pid === undefined)
    throw new IpdcError('REFUSED', { message: `The agent of ${home} does not answer, and no ${join(home, 'agent.lock')} names its process` })
  if (!isAgent(pid, home))
    throw new IpdcError('REFUSED', {
      message: `The agent of ${home} does not answer, and process ${pid} of its lock is not seen to be it`,
      hint: `Look at it: ps ${pid}. If it is the agent: kill -KILL ${pid}`,
    })
  process.kill(pid, 'SIGKILL')
  return pid
}

function holderOf(home: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(home, 'agent.lock'), 'utf8').split(' ')[0])
    return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined
  } catch {
    return undefined
  }
}

/** A number may be that of another process by now. */
function isAgent(pid: number, home: string): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return words.some((word) => /\/bin\/agent\.js$|\/ipdc-agent$/.test(word)) && words.includes(resolve(home))
  } catch {
    return false
  }
}
