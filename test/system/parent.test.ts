import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import t from 'tap'
import { cleanEnv, node, root } from './launch.ts'

t.test('a throw-away domain whose agent is killed leaves no companion, and no home of one', async (t) => {
  const temp = mkdtempSync(join(tmpdir(), 'ipdc-parent-'))
  t.teardown(() => rmSync(temp, { recursive: true, force: true }))
  const agent = spawn(node, [join(root, 'bin/agent.js'), '--home', join(temp, 'home'), '--companions', '2', '--slots', '1', '--ready-fd', '3'], {
    env: { ...cleanEnv, TMPDIR: temp },
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  })
  const [line] = (await once(createInterface({ input: agent.stdio[3] as Readable }), 'line')) as [string]
  t.match(JSON.parse(line), { ready: true })
  const companions = childrenOf(agent.pid ?? 0)
  t.equal(companions.length, 2)
  t.equal(readdirSync(temp).filter((name) => name.startsWith('ipdc-node-')).length, 2)
  const exit = once(agent, 'exit')
  agent.kill('SIGKILL')
  await exit
  await until(() => companions.every((pid) => !existsSync(`/proc/${pid}`)))
  t.same(readdirSync(temp), ['home'], 'their homes are gone')
})

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return new RegExp(`^PPid:\\t${parent}$`, 'm').test(readFileSync(`/proc/${pid}/status`, 'utf8'))
      } catch {
        return false
      }
    })
}

/** /proc tells nobody of an end: it is looked at, for 10 s at most. */
async function until(claim: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (claim()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('it did not come to be')
}
