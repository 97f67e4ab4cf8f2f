/** A Node that is older than ipdc needs, where this machine has one: a test of what then happens is skipped by name elsewhere. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Test } from 'tap'

export function needsOldNode(t: Test): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin']
  const old = folders.map((folder) => join(folder, 'node')).find((file) => existsSync(file) && isOld(file))
  if (old === undefined) t.plan(0, 'this machine has no Node older than 22.19')
  return old
}

function isOld(node: string): boolean {
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8', env: {}, timeout: 10_000 })
  const [major = 0, minor = 0] = stdout.trim().slice(1).split('.').map(Number)
  return stdout.startsWith('v') && (major < 22 || (major === 22 && minor < 19))
}
