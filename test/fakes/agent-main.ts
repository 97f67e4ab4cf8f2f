/** The fake agent as a process, with the agreed flags: for tests of launching. */
import { closeSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { socketOf } from '../../src/core/client/home.ts'
import { createFakeAgent } from './agent.ts'

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: {
    home: text,
    companions: text,
    until: text,
    'serve-broker': text,
    broker: { ...text, multiple: true },
    'ready-fd': text,
    name: text,
    slots: text,
    'lifeline-fd': text,
  },
})
const home = values.home ?? ''
const lock = `${home}/agent.lock`

const say = (line: object) => {
  const fd = Number(values['ready-fd'])
  writeSync(fd, `${JSON.stringify(line)}\n`)
  closeSync(fd)
}

const end = (status: number): never => {
  rmSync(lock, { force: true })
  process.exit(status)
}

if (values.name === 'dies') {
  console.error('no such luck')
  process.exit(3)
}
if (values.name === 'sleeps') await new Promise((resolve) => setTimeout(resolve, 60_000))
if (values.name === 'refuses') {
  say({ error: { code: 'NO_BROKER', message: 'No broker at mqtt://127.0.0.1:1', hint: 'ipdc doctor' } })
  process.exit(69)
}

try {
  writeFileSync(lock, String(process.pid), { flag: 'wx' })
} catch {
  say({ error: { code: 'ALREADY_RUNNING', message: `Another agent runs in ${home}` } })
  process.exit(75)
}

const fake = await createFakeAgent({ socket: socketOf(home), home, throwAway: values.companions !== undefined, onStop: () => end(0) })
writeFileSync(`${home}/flags.json`, JSON.stringify(values))
fake.onQuiet(() => {
  if (values.until === 'idle' && fake.sessions === 0 && fake.jobs.every(({ state }) => state !== 'open')) end(0)
})
if (values['lifeline-fd'] !== undefined) new Socket({ fd: Number(values['lifeline-fd']) }).on('close', () => end(0)).resume()
say({ ready: true })
