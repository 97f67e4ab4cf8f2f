import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { nextBoot } from '../../agent/boot.ts'
import { folder } from './rooms.ts'

t.test('each start has a higher number, in the file before it is used', async (t) => {
  const home = await folder(t)
  t.equal(await nextBoot(home), 1)
  t.equal(await readFile(join(home, 'boot'), 'utf8'), '1\n')
  t.equal(await nextBoot(home), 2)
  t.equal(await nextBoot(home), 3)
  t.same(await readdir(home), ['boot'], 'nothing beside it')
  t.equal((await stat(join(home, 'boot'))).mode & 0o777, 0o600)
})

t.test('a torn file does not bring back a number of before', async (t) => {
  const home = await folder(t)
  await writeFile(join(home, 'boot'), '1234\n')
  t.equal(await nextBoot(home), 1235)
  for (const torn of ['', '12', '\0\0\0\0\0', 'nonsense\n']) {
    await writeFile(join(home, 'boot'), torn)
    const boot = await nextBoot(home)
    t.ok(Number.isSafeInteger(boot) && boot > 1_700_000_000, `after ${JSON.stringify(torn)}: ${boot}`)
    t.equal(await nextBoot(home), boot + 1)
  }
})

t.test('a draft that a killed start left does not matter', async (t) => {
  const home = await folder(t)
  await nextBoot(home)
  await writeFile(join(home, 'boot.new'), '77')
  t.equal(await nextBoot(home), 2)
})

t.test('where the number cannot be kept or read, there is none', async (t) => {
  const home = await folder(t)
  await t.rejects(nextBoot(join(home, 'absent')), { code: 'IO' })
  await writeFile(join(home, 'file'), '')
  await t.rejects(nextBoot(join(home, 'file')), { code: 'IO' })
})
