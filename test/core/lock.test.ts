import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { lock } from '../../src/core/lock.ts'

t.test('one at a time: who comes second is told, who comes after has it', async (t) => {
  const path = join(t.testdir(), 'lock')
  const release = await lock(path)
  await t.rejects(lock(path), { code: 'ALREADY_RUNNING', message: new RegExp(String(process.pid)) })
  await release()
  t.notOk(existsSync(path))
  await (await lock(path))()
})

t.test('of many at once one wins', async (t) => {
  const path = join(t.testdir(), 'lock')
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => lock(path)))
  const won = outcomes.filter((outcome) => outcome.status === 'fulfilled')
  t.equal(won.length, 1)
  await won[0]?.value()
})

t.test('the lock of a dead process is taken over, by one of many only', async (t) => {
  const path = join(t.testdir(), 'lock')
  const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' })
  await once(child, 'exit')
  writeFileSync(path, `${child.pid} 12345 dead\n`)
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => lock(path)))
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
})

t.test('a process that has ended, and that nobody waited for, holds nothing', { skip: process.platform !== 'linux' }, async (t) => {
  const path = join(t.testdir(), 'lock')
  // The shell becomes a program that waits for no child, so its child stays as a zombie.
  const keeper = spawn('sh', ['-c', 'true & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(() => keeper.kill('SIGKILL'))
  const [pid] = (await once(keeper.stdout.setEncoding('utf8'), 'data')) as [string]
  const state = () => readFileSync(`/proc/${pid.trim()}/stat`, 'utf8').split(') ')[1]?.[0]
  while (state() !== 'Z') await new Promise(setImmediate)
  const [, start] = readFileSync(`/proc/${pid.trim()}/stat`, 'utf8').split(') ')
  writeFileSync(path, `${pid.trim()} ${start?.split(' ')[19]}@${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} x\n`)
  await (await lock(path))()
  t.pass('taken over')
})

t.test('a process id that was used again is not taken for the one that died', async (t) => {
  const path = join(t.testdir(), 'lock')
  writeFileSync(path, `${process.pid} 1 before\n`)
  await (await lock(path))()
  t.pass('taken over')
})

t.test('an older lock is not removed by the one who lost it', async (t) => {
  const path = join(t.testdir(), 'lock')
  const first = await lock(path)
  writeFileSync(path, `${process.pid} 1 other\n`)
  await first()
  t.ok(existsSync(path))
})
