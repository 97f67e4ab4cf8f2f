/** A real redis-server for one test: on a free loopback port, in a temporary folder, ended by its pid. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { freePort } from './port.ts'

export interface Redis {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** As in a crash: what it had not written is lost. */
  kill9(): Promise<void>
  /** At the same port, with what its files hold. */
  start(): Promise<void>
  stop(): Promise<void>
}

export interface RedisOptions {
  /** Path of the program: `needs(t, 'redis-server')` of test/services.ts. */
  readonly program: string
  /** `--name value` pairs of redis.conf. @default nothing on disk */
  readonly conf?: readonly string[]
}

/** Stopped, and its folder removed, when the test ends. */
export async function startRedis(t: Pick<Test, 'teardown'>, options: RedisOptions): Promise<Redis> {
  const redis = await openRedis(options)
  t.teardown(() => redis.stop())
  return redis
}

/** The same outside a test: whoever opens it stops it. */
export async function openRedis({ program, conf = ['--save', '', '--appendonly', 'no'] }: RedisOptions): Promise<Redis> {
  const dir = await mkdtemp(join(tmpdir(), 'ipdc-redis-'))
  const port = await freePort()
  const base = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--daemonize', 'no', '--logfile', '', '--maxmemory-policy', 'noeviction']
  let child: ChildProcess | undefined

  const start = async (): Promise<void> => {
    child = spawn(program, [...base, ...conf], { stdio: ['ignore', 'pipe', 'ignore'], env: {} })
    const said: string[] = []
    for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
      said.push(line)
      if (/Ready to accept connections/.test(line)) {
        child.stdout?.resume()
        return
      }
    }
    throw new Error(`redis-server did not start: ${said.slice(-5).join(' | ')}`)
  }

  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const running = child
    child = undefined
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const exit = once(running, 'exit')
    running.kill(signal)
    await exit
  }

  try {
    await start()
  } catch (error) {
    await rm(dir, { recursive: true, force: true })
    throw error
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return child?.pid ?? 0
    },
    kill9: () => end('SIGKILL'),
    start,
    async stop() {
      await end('SIGTERM')
      await rm(dir, { recursive: true, force: true })
    },
  }
}
