/** The agent's own command line, spoken by launchers and unit files. Flag > `IPDC_*` > `ipdc.json` in the home > default. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
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
  const given = {
    ...(await fileOf(join(home, 'ipdc.json'))),
    ...some({
      name: flags.name ?? env.IPDC_NAME,
      broker: flags.broker ?? env.IPDC_BROKER?.split(','),
      serveBroker: whole('serve-broker', flags['serve-broker'] ?? env.IPDC_SERVE_BROKER),
      slots: whole('slots', flags.slots ?? env.IPDC_SLOTS),
      log: env.IPDC_LOG,
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
    companions: whole('companions', flags.companions),
    until,
    readyFd: whole('ready-fd', flags['ready-fd']),
    lifelineFd: whole('lifeline-fd', flags['lifeline-fd']),
    temporary: flags.temporary,
  }
}

/** Known even where the rest of the command line cannot be read: whoever waits there is told why. */
export function readyFdOf(argv: readonly string[]): number | undefined {
  const fd = Number(argv[argv.indexOf('--ready-fd') + 1])
  return argv.includes('--ready-fd') && Number.isSafeInteger(fd) && fd > 2 ? fd : undefined
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: false }).values
  } catch (cause) {
    throw new IpdcError('USAGE', { message: (cause as Error).message, cause })
  }
}

async function fileOf(path: string): Promise<object> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return {}
  try {
    return JSON.parse(text) as object
  } catch (cause) {
    throw new IpdcError('BAD_CONFIG', { message: `${path} is not JSON: ${(cause as Error).message}`, cause })
  }
}

function whole(flag: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new IpdcError('USAGE', { message: `--${flag} takes a whole number, not "${text}"` })
  return number
}

function some(values: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}
