/** A real mosquitto for one test: on a free loopback port, in a temporary folder, ended by its pid. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort } from './port.ts'
import { startTied, type Tied } from './tied.ts'

export interface Mosquitto {
  readonly url: string
  readonly pid: number
  /** As in a crash: nothing is written any more. */
  kill9(): Promise<void>
  /** At the same port. Empty, unless it has persistence. */
  start(): Promise<void>
  /** Killed, its data wiped, and started again. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export interface MosquittoOptions {
  /** Path of the program: `needs(t, 'mosquitto')` of test/services.ts. */
  readonly program: string
  /** @default false: nothing outlives the process */
  readonly persistence?: boolean
  /** Lines of mosquitto.conf, instead of those with the same first word. */
  readonly conf?: readonly string[]
}

/** Stopped, and its folder removed, when the test ends. */
export async function startMosquitto(t: Test, { program, persistence = false, conf = [] }: MosquittoOptions): Promise<Mosquitto> {
  const dir = await mkdtemp(join(tmpdir(), 'ipdc-mosquitto-'))
  const port = await freePort()
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'set_tcp_nodelay true',
    'max_queued_messages 20000',
    'max_packet_size 131072',
    `persistence ${persistence}`,
    `persistence_location ${dir}/`,
    'log_dest stderr',
    // Started by root it would change to a user that cannot read the folder.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
  ]
  const isReplaced = (line: string) => conf.some((other) => other.split(' ')[0] === line.split(' ')[0])
  await writeFile(join(dir, 'mosquitto.conf'), `${[...lines.filter((line) => !isReplaced(line)), ...conf].join('\n')}\n`)
  let server: Tied | undefined

  const start = async (): Promise<void> => {
    // It listens before it says so.
    server = await startTied([program, '-c', join(dir, 'mosquitto.conf')], 'stderr', /mosquitto version .* running/)
  }
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    const ending = server
    server = undefined
    await ending?.end(signal)
  }
  const stop = () => end('SIGTERM')
  const kill9 = () => end('SIGKILL')

  t.teardown(async () => {
    await kill9()
    await rm(dir, { recursive: true, force: true })
  })
  await start()
  return {
    url: `mqtt://127.0.0.1:${port}`,
    get pid() {
      return server?.pid ?? 0
    },
    start,
    stop,
    kill9,
    async restart() {
      await kill9()
      await rm(join(dir, 'mosquitto.db'), { force: true })
      await start()
    },
  }
}
