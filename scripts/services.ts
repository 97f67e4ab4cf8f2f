/** `npm run services`: installs what tests need from Debian, where that is possible, and says what it did. Prints and returns what cannot be had. */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { find, type Service, services, works } from '../test/services.ts'

/** Names of services that cannot be had on this machine. */
export function ensureServices(): Service[] {
  const names = Object.keys(services) as Service[]
  const missing = names.filter((name) => find(name) === undefined)
  if (missing.length > 0) install(missing)
  return names.filter((name) => !works(name))
}

function install(missing: Service[]): void {
  const packages = missing.map((name) => services[name].package)
  if (process.getuid?.() !== 0) {
    say(`${missing.join(', ')} missing; only root can install: apt-get install ${packages.join(' ')}`)
  } else if (!existsSync('/usr/bin/apt-get')) {
    say(`${missing.join(', ')} missing, and this system has no apt-get`)
  } else {
    say(`installing ${packages.join(', ')} by apt-get, for tests`)
    const held = holdServers()
    // Package lists are often missing in containers, and refreshing them is slow: only when needed.
    const done = aptGet('install', ...packages) || (aptGet('update') && aptGet('install', ...packages))
    if (held !== undefined) rmSync(held)
    if (!done) say(`apt-get could not install ${packages.join(', ')}`)
  }
}

/** Keeps Debian from starting the servers it installs: tests start their own, on free ports. */
function holdServers(): string | undefined {
  const policy = '/usr/sbin/policy-rc.d'
  if (existsSync(policy)) return undefined
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return policy
}

function aptGet(...args: string[]): boolean {
  const options = ['-y', '-qq', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=2']
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, stderr } = spawnSync('apt-get', [...options, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8', timeout: 240_000 })
  if (status !== 0) say(`apt-get ${args.join(' ')}: ${stderr.trim().split('\n').at(-1) || 'failed'}`)
  return status === 0
}

function say(message: string): void {
  process.stderr.write(`services: ${message}\n`)
}

if (import.meta.main) {
  const absent = ensureServices()
  say(absent.length === 0 ? `${Object.keys(services).join(', ')} work` : `not to be had here: ${absent.join(', ')}`)
}
