/**
 * Programs that some tests need and npm cannot bring. `npm test` installs what is missing where it can (scripts/services.ts)
 * and names in IPDC_SKIP_SERVICES what cannot be had on this machine: only then a test is skipped, and says so.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Test } from 'tap'

/** Name of the program, the Debian package that has it, and a call that shows that it works here. */
export const services = {
  mosquitto: { package: 'mosquitto', probe: ['-h'], exits: [0, 3] },
  'redis-server': { package: 'redis-server', probe: ['--version'], exits: [0] },
  openssl: { package: 'openssl', probe: ['version'], exits: [0] },
  // Where the kernel forbids ptrace, the program is there and of no use.
  strace: { package: 'strace', probe: ['-o', '/dev/null', 'true'], exits: [0] },
} as const

export type Service = keyof typeof services

/** Path of a program for a test; without it the test is skipped by name, or fails when the program could be had. */
export function needs(t: Test, name: Service): string | undefined {
  const path = find(name)
  if (path !== undefined && !isExcused(name)) return path
  if (isExcused(name)) t.plan(0, `${name} cannot be had on this machine`)
  else t.fail(`${name} is not installed: npm run services`)
  return undefined
}

/** Where a program lies: on PATH, or where Debian keeps its servers. */
export function find(name: Service): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/** Whether a program is there and works. */
export function works(name: Service): boolean {
  const path = find(name)
  const { probe, exits } = services[name]
  return path !== undefined && exits.some((status) => status === spawnSync(path, probe, { stdio: 'ignore', timeout: 10_000 }).status)
}

function isExcused(name: Service): boolean {
  return (process.env.IPDC_SKIP_SERVICES ?? '').split(',').includes(name)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
