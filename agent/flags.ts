/** The agent's own command line, spoken by launchers and unit files. Flag > `IPDC_*` > `ipdc.json` in the home > default. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import * as v from 'valibot'
import { homeOf } from '../src/core/client/home.ts'
import { Config } from '../src/core/config.ts'
import { IpdcError } from '../src/core/errors.ts'

export interface Start {
  readonly home: string
  readonly config: Config
  /** More agents of a throw-away domain to start. */
  readonly companions: number | undefined
  /** `idle`: end when no job is open and no client holds a session. */
  readonly until: 'idle' | 'stopped'
  /** Where to write the line that says ready, or why not. */
  readonly readyFd: number | undefined
  /** End when this is closed at its other end. */
  readonly lifelineFd: number | undefined
  /** Remove the home at the end. */
  readonly temporary: boolean
}

const options = {
  home: { type: 'string' },
  name: { type: 'string' },
  broker: { type: 'string', multiple: true },
  'serve-broker': { type: 'string' },
  slots: { type: 'string' },
  companions: { type: 'string' },
  until: { type: 'string', default: 'stopped' },
  'ready-fd': { type: 'string' },
  'lifeline-fd': { type: 'string' },
  temporary: { type: 'boolean', default: false },
} as const

type Env = Readonly<Record<string, string | undefined>>

/** @throws USAGE, BAD_CONFIG */
export async function readStart(argv: readonly string[], env: Env = process.env): Promise<Start> {
  const flags = parse(argv)
  const home = flags.home ?? homeOf(env)
  const until = flags.until
  if (until !== 'idle' && until !== 'stopped') throw new IpdcError('USAGE', { message: `--until is idle or stopped, not "${until}"` })
  const file = await fileOf(join(home, 'ipdc.json'))
  const given = {
    ...file,
    ...some({
      // An empty variable is one that is not set.
      name: flags.name ?? (env.IPDC_NAME || undefined),
      broker: flags.broker ?? (env.IPDC_BROKER || undefined)?.split(','),
      serveBroker: whole('--serve-broker', flags['serve-broker']) ?? whole('IPDC_SERVE_BROKER', env.IPDC_SERVE_BROKER || undefined),
      slots: whole('--slots', flags.slots) ?? whole('IPDC_SLOTS', env.IPDC_SLOTS || undefined),
      tls: env.IPDC_TLS_CA ? { ca: resolve(env.IPDC_TLS_CA) } : undefined,
      queue: queueOf(env.IPDC_QUEUE || undefined, file),
      log: env.IPDC_LOG || undefined,
    }),
  }
  const config = v.safeParse(Config, given)
  if (!config.success) {
    throw new IpdcError('BAD_CONFIG', {
      message: `Configuration: ${v.getDotPath(config.issues[0]) ?? ''}: ${config.issues[0].message}`,
      hint: `Look at the flags, the IPDC_ variables and ${join(home, 'ipdc.json')}`,
    })
  }
  return {
    home,
    config: config.output,
    companions: whole('--companions', flags.companions),
    until,
    readyFd: whole('--ready-fd', flags['ready-fd']),
    lifelineFd: whole('--lifeline-fd', flags['lifeline-fd']),
    temporary: flags.temporary,
  }
}

/** Known even where the rest of the command line cannot be read: whoever waits there is told why. */
export function readyFdOf(argv: readonly string[]): number | undefined {
  const fd = Number(parseArgs({ args: [...argv], options, allowPositionals: true, strict: false }).values['ready-fd'])
  return Number.isSafeInteger(fd) && fd > 2 ? fd : undefined
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: false }).values
  } catch (cause) {
    throw new IpdcError('USAGE', { message: (cause as Error).message, cause })
  }
}

/** No file, no settings; a file that cannot be read is not passed over: it may say whose jobs this node runs. */
async function fileOf(path: string): Promise<object> {
  try {
    const settings: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof settings === 'object' && settings !== null && !Array.isArray(settings)) return settings
    throw new Error('an object is expected')
  } catch (cause) {
    if ((cause as { code?: unknown }).code === 'ENOENT') return {}
    throw new IpdcError('BAD_CONFIG', { message: `${path} cannot be used: ${(cause as Error).message}`, cause })
  }
}

/** `embedded`, `memory`, or the URL of a Redis or Valkey server. A bound that the file sets stays; never a flag: a URL may hold a password. */
function queueOf(text: string | undefined, file: object): object | undefined {
  if (text === undefined) return undefined
  const { queue } = file as { queue?: { limit?: unknown } }
  const limit = some({ limit: queue?.limit })
  return text.includes('://') ? { ...limit, use: 'redis', url: text } : { ...limit, use: text }
}

function whole(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(number)) throw new IpdcError('USAGE', { message: `${name} takes a whole number, not "${text}"` })
  return number
}

function some(values: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}
