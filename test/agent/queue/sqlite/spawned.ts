/** Runs `child.ts` in an empty environment, maybe under strace; its lines as they come. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Task } from './child.ts'

const program = fileURLToPath(new URL('child.ts', import.meta.url))

export interface SpawnedOptions {
  /** `strace` and its options, before the program. */
  readonly under?: readonly string[]
  readonly uid?: number
  readonly env?: Record<string, string>
  /** Called with each line. */
  onLine?(line: string, child: ChildProcess): void
}

/** All lines, when it has ended. */
export async function runChild(task: Task, { under = [], uid, env = {}, onLine }: SpawnedOptions = {}): Promise<string[]> {
  const [command = process.execPath, ...args] = [...under, process.execPath, program, JSON.stringify(task)]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env, ...(uid !== undefined && { uid, gid: uid }) })
  const ended = once(child, 'close')
  const errors: string[] = []
  child.stderr?.on('data', (data) => errors.push(String(data)))
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    lines.push(line)
    onLine?.(line, child)
  }
  const [code, signal] = await ended
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`child.ts ended with ${code ?? signal}: ${errors.join('')}`)
  return lines
}
