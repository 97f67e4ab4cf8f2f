/** One agent per home. The lock names its process by id and start time, so that one left by a killed agent is known as stale. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { IpdcError, wrap } from '../src/core/errors.ts'

export interface Lock {
  release(): Promise<void>
}

/** @throws ALREADY_RUNNING, IO */
export async function lockHome(home: string): Promise<Lock> {
  const path = join(home, 'agent.lock')
  const mine = `${process.pid} ${await startOf(process.pid)}\n`
  for (let tries = 0; tries < 5; tries++) {
    try {
      await writeFile(path, mine, { flag: 'wx', mode: 0o600 })
      return {
        async release() {
          if ((await read(path)) === mine) await rm(path, { force: true })
        },
      }
    } catch (error) {
      if ((error as { code?: string }).code !== 'EEXIST') throw wrap(error, 'IO', `Cannot lock ${home}`)
    }
    const held = await read(path)
    const [pid = '', start] = held?.trim().split(' ') ?? []
    // An empty lock is one being written; a process of that id that started at another time is another program.
    if (held !== undefined && held !== '' && (await startOf(Number(pid))) === start) {
      throw new IpdcError('ALREADY_RUNNING', { message: `An agent runs in ${home} already (process ${pid})`, hint: 'ipdc down' })
    }
    if (held === '' && tries < 4) await new Promise((resolve) => setTimeout(resolve, 20))
    else await rm(path, { force: true })
  }
  throw new IpdcError('ALREADY_RUNNING', { message: `Another agent is starting in ${home}` })
}

async function read(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}

/** When a process started, in clock ticks since boot (field 22 of proc(5) stat); elsewhere than on Linux, whether it is alive. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await read(`/proc/${pid}/stat`)
  if (stat !== undefined) return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  if (process.platform === 'linux') return undefined
  try {
    process.kill(pid, 0)
    return 'alive'
  } catch {
    return undefined
  }
}
