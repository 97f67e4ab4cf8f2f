import { existsSync } from 'node:fs'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openBase } from '../../agent/base.ts'
import { namePattern } from '../../src/core/kind.ts'
import { folder } from './rooms.ts'

const wall = Date.parse('2026-01-01')

/** A start of an agent in that home, and how it ends. */
async function start(t: Test, path: string, { name = undefined as string | undefined, isThrowAway = false } = {}) {
  const undo: (() => unknown)[] = []
  const end = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  t.teardown(end)
  const base = await openBase({ path, name, isThrowAway, wall, undo })
  return { base, end }
}

t.test('a home is locked while its agent runs; each start has a higher number and is the same node', async (t) => {
  const path = join(await folder(t), 'home')
  const first = await start(t, path, { name: 'ada' })
  t.match(first.base, { home: path, name: 'ada', boot: 1 })
  t.equal((await stat(path)).mode & 0o777, 0o700)
  await t.rejects(start(t, path), { code: 'ALREADY_RUNNING' })
  await first.end()
  const second = await start(t, path)
  t.ok(second.base.boot > first.base.boot)
  t.equal(second.base.membership.identity.id, first.base.membership.identity.id)
  t.equal(second.base.membership.domain.id, first.base.membership.domain.id)
})

t.test('folders of attempts are empty at each start; those of jobs, and journals, stay', async (t) => {
  const path = join(await folder(t), 'home')
  const first = await start(t, path)
  const { scratch, states, journal } = first.base
  for (const dir of [scratch, states, journal]) await writeFile(join(dir, 'left'), 'x')
  await first.end()
  await start(t, path)
  t.same(await readdir(scratch), [])
  t.same([await readdir(states), await readdir(journal)], [['left'], ['left']])
  for (const dir of [scratch, states, journal]) t.equal((await stat(dir)).mode & 0o777, 0o700)
})

t.test('without a name people see the host’s, as far as it can be one on the wire', async (t) => {
  const { base } = await start(t, join(await folder(t), 'home'))
  t.match(base.name, namePattern)
})

t.test('a throw-away domain leaves no domain in the home, and is another at each start', async (t) => {
  const path = join(await folder(t), 'home')
  const first = await start(t, path, { isThrowAway: true })
  t.notOk(existsSync(join(path, 'domain')))
  await first.end()
  const second = await start(t, path, { isThrowAway: true })
  t.not(second.base.membership.domain.id, first.base.membership.domain.id)
})

t.test('what cannot be a home is an error, and nothing stays locked', async (t) => {
  const dir = await folder(t)
  await writeFile(join(dir, 'file'), '')
  await t.rejects(start(t, join(dir, 'file')))
  t.same(await readdir(dir), ['file'])
})
