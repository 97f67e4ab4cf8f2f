import { symlink } from 'node:fs/promises'
import t from 'tap'
import { filesBelow } from '../../../src/commands/base/folder.ts'

async function below(folder: string) {
  const list: string[] = []
  for await (const path of filesBelow(folder)) list.push(path)
  return list
}

t.test('all files below a folder, in one order, without the hidden ones', async (t) => {
  const dir = t.testdir({ z: '', a: { b: '', B: '' }, '.env': '', '.git': { x: '' }, empty: {} })
  t.same(await below(dir), ['a/B', 'a/b', 'z'])
})

t.test('links are not followed: not out of the folder, not in a circle', async (t) => {
  const dir = t.testdir({ a: { b: '' } })
  await symlink('/etc/hostname', `${dir}/out`)
  await symlink(dir, `${dir}/a/circle`)
  t.same(await below(dir), ['a/b'])
})

t.test('a folder that cannot be read is a missing input', async (t) => {
  await t.rejects(below(`${t.testdir()}/none`), { code: 'NO_INPUT' })
})
