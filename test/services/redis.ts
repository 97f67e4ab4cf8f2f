/** A real redis-server for one test: on a free loopback port, in a temporary folder, ended by its pid. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort } from './port.ts'
import { startTied, type Tied } from './tied.ts'

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
  let server: Tied | undefined

  const start = async (): Promise<void> => {
    server = await startTied([program, ...base, ...conf], 'stdout', /Ready to accept connections/)
  }

  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const ending = server
    server = undefined
    await ending?.end(signal)
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
      return server?.pid ?? 0
    },
    kill9: () => end('SIGKILL'),
    start,
    async stop() {
      await end('SIGTERM')
      await rm(dir, { recursive: true, force: true })
    },
  }
}
