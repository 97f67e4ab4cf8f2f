/** A server that ends when its test does, however that ends: a shell between them waits for either. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

export interface Tied {
  readonly pid: number
  /** Resolves when it has exited. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** Standard input is open as long as this process lives; the third pipe brings the pid. */
const script = '"$@" </dev/null 3>&- & server=$!; echo "$server" >&3; read -r _; kill "$server" 2>/dev/null; wait "$server"'

/** Resolves when a line of `from` matches. @throws Error with the last lines where it ends before */
export async function startTied(argv: readonly string[], from: 'stdout' | 'stderr', isReady: RegExp): Promise<Tied> {
  const stdio = ['pipe', from === 'stdout' ? 'pipe' : 'ignore', from === 'stderr' ? 'pipe' : 'ignore', 'pipe'] as const
  const shell = spawn('/bin/sh', ['-c', script, 'sh', ...argv], { stdio: [...stdio], env: {} })
  const exited = once(shell, 'exit')
  const pid = Number(await firstLine(shell.stdio[3] as Readable))
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    try {
      process.kill(pid, signal)
    } catch {
      // It has ended by itself.
    }
    shell.stdin?.end()
    await exited
  }
  try {
    await said(shell, from, isReady)
  } catch (error) {
    await end('SIGKILL')
    throw error
  }
  return { pid, end }
}

async function said(shell: ChildProcess, from: 'stdout' | 'stderr', isReady: RegExp): Promise<void> {
  const stream = shell[from]
  const lines: string[] = []
  if (stream !== null) {
    for await (const line of createInterface({ input: stream })) {
      lines.push(line)
      if (!isReady.test(line)) continue
      stream.resume()
      return
    }
  }
  throw new Error(`it did not start: ${lines.slice(-5).join(' | ')}`)
}

async function firstLine(stream: Readable): Promise<string> {
  for await (const line of createInterface({ input: stream })) return line
  throw new Error('no pid')
}
