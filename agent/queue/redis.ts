/** The queue on a Redis or Valkey server: survives the agent as that server survives. One connection; nothing is loaded before it is opened. */
import { readFile } from 'node:fs/promises'
import type { Redis } from 'ioredis'
import { codeOf, IpdcError } from '../../src/core/errors.ts'
import type { Ms, NodeId } from '../../src/core/kind.ts'
import type { Log } from '../../src/core/log.ts'
import type { Queue } from '../../src/core/ports.ts'
import { openBacklog } from './backlog.ts'
import { type BullQueue, createBullQueue } from './bull.ts'

export interface RedisQueueOptions {
  /** `redis://[user[:password]@]host[:port][/number]`, or `rediss://` for TLS. Never shown with its password. */
  readonly url: string
  /** File whose first line is the password. */
  readonly passwordFile?: string | undefined
  /** Whose queue it is: several nodes can share one server. */
  readonly node: NodeId
  readonly limit: number
  /** A command that is not answered counts as failed: the agent does not wait for a server that hangs. @default 5_000 (ms) */
  readonly commandMs?: Ms
  readonly log: Log
}

/** Every key begins with it, and with the id of the node. */
const prefix = 'ipdc'
/** @default 5_000 (ms) */
const connectMs: Ms = 5_000
/** Between two attempts to connect again. @default 1_000 (ms) */
const againMs: Ms = 1_000

/** @throws NO_QUEUE, BAD_CONFIG */
export async function openRedisQueue({ url, passwordFile, node, limit, commandMs = 5_000, log }: RedisQueueOptions): Promise<Queue> {
  const database = databaseOf(url)
  const shown = redacted(url)
  /** What the server, or the system, said last, until the connection works. */
  let said: unknown
  const wrap = (error: unknown): IpdcError => {
    if (codeOf(error) !== undefined && error instanceof IpdcError) return error
    // That the connection is closed is no reason; what was said before is one.
    const cause = said !== undefined && isClosing(error) ? said : error
    return new IpdcError('NO_QUEUE', {
      message: `The queue of this node, ${shown}: ${textOf(cause)}`,
      hint: 'Look whether the server runs and takes this address and password; or set queue.use to "embedded" in ipdc.json',
      cause,
    })
  }
  const password = passwordFile === undefined ? undefined : await passwordOf(passwordFile)
  const { Redis } = await import('ioredis')
  const redis = new Redis(url, {
    ...(password === undefined ? {} : { password }),
    lazyConnect: true,
    connectTimeout: connectMs,
    commandTimeout: commandMs,
    // What cannot be said now fails now, and is not said later behind our back.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: null,
    retryStrategy: () => againMs,
  })
  let queue: BullQueue | undefined
  redis.on('error', (error) => {
    said = error
    queue?.failed(error)
  })
  redis.on('close', () => queue?.failed(new Error(closed)))
  redis.on('ready', () => {
    said = undefined
  })
  try {
    await redis.connect()
    await choose(redis, database, shown)
    await look(redis, shown, log)
    const { createRedisBackend } = await import('bullmq/dist/cjs/utils/create-backend.js')
    const backlog = await openBacklog({
      name: node,
      prefix,
      // Without the connection that a Worker blocks on: nothing here blocks.
      backend: (name, options) => createRedisBackend(name, options, {}),
      connection: redis,
      onError: (error) => queue?.failed(error),
    })
    queue = await createBullQueue({
      backlog: {
        ...backlog,
        async close() {
          await backlog.close()
          redis.disconnect()
        },
      },
      limit,
      wrap,
      info: async () => ({ use: 'redis', url: shown }),
      log,
    })
    return queue
  } catch (error) {
    redis.disconnect()
    throw wrap(error)
  }
}

const closed = 'Connection is closed.'

/** In the words of the client, for commands that could not be sent. */
function isClosing(error: unknown): boolean {
  const { message } = error as { message?: unknown }
  return typeof message === 'string' && (message === closed || message.startsWith("Stream isn't writeable"))
}

/** The number in an address, which can be used. @throws BAD_CONFIG, without anything of its password */
function databaseOf(text: string): number {
  const { username, password, pathname } = new URL(text)
  try {
    decodeURIComponent(`${username}:${password}`)
  } catch {
    throw new IpdcError('BAD_CONFIG', {
      message: 'User and password in queue.url cannot be read',
      hint: 'Write a "%" in them as "%25"; or use queue.passwordFile',
    })
  }
  if (!/^\/?\d{0,9}$/.test(pathname)) {
    throw new IpdcError('BAD_CONFIG', { message: `queue.url ends with the number of a database, not with "${pathname}"`, hint: 'redis://host:6379/0' })
  }
  return Number(pathname.slice(1))
}

/** The client would go on with another one. */
async function choose(redis: Redis, database: number, shown: string): Promise<void> {
  try {
    await redis.select(database)
  } catch (cause) {
    if (!/DB index/i.test(textOf(cause))) throw cause
    throw new IpdcError('BAD_CONFIG', {
      message: `The server of the queue has no database ${database}: ${shown}: ${textOf(cause)}`,
      hint: 'Choose another number in queue.url; most servers have 0 to 15',
      cause,
    })
  }
}

/** As it may be seen by anybody. */
export function redacted(text: string): string {
  const url = new URL(text)
  return `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`
}

async function passwordOf(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).split('\n', 1)[0]?.trim() ?? ''
  } catch (cause) {
    throw new IpdcError('BAD_CONFIG', { message: `queue.passwordFile cannot be read: ${textOf(cause)}`, cause })
  }
}

/** A server that drops keys when it is full would drop tasks. */
async function look(redis: Redis, shown: string, log: Log): Promise<void> {
  const info = await redis.info()
  const field = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1]
  const version = field('valkey_version') ?? field('redis_version') ?? ''
  log.info({ server: field('valkey_version') === undefined ? 'redis' : 'valkey', version, url: shown }, 'queue server')
  if (field('valkey_version') === undefined && Number.parseFloat(version) < 6.2) {
    throw new IpdcError('NO_QUEUE', { message: `The queue of this node, ${shown}: Redis ${version} is too old`, hint: 'Use Redis 6.2 or newer, or Valkey' })
  }
  const policy = field('maxmemory_policy')
  if (policy !== undefined && policy !== 'noeviction') {
    log.warn({ url: shown, policy }, 'this server may drop tasks when its memory is full: set maxmemory-policy to noeviction')
  }
}

function textOf(error: unknown): string {
  const { message, code } = error as { message?: unknown; code?: unknown }
  const text = typeof message === 'string' && message !== '' ? message : typeof code === 'string' ? code : String(error)
  // An error of a client may quote the address that it was given.
  return text.replace(/(rediss?:\/\/)[^@/\s]*@/g, '$1')
}
