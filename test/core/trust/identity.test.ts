import { chmod, readdir, stat, writeFile } from 'node:fs/promises'
import t from 'tap'
import { namePattern } from '../../../src/core/kind.ts'
import { createIdentity, idOf, openIdentity, saveIdentity, verify } from '../../../src/core/trust/identity.ts'

t.test('a signature holds for these bytes and this key only', async (t) => {
  const me = createIdentity()
  const bytes = Buffer.from('bytes')
  const signature = me.sign(bytes)
  t.ok(verify(me.publicKey, bytes, signature))
  t.notOk(verify(me.publicKey, Buffer.from('Bytes'), signature))
  t.notOk(verify(createIdentity().publicKey, bytes, signature))
  t.notOk(
    verify(
      me.publicKey,
      bytes,
      signature.map((byte, i) => (i === 10 ? byte ^ 1 : byte)),
    ),
  )
})

t.test('a check of malformed keys and signatures says no and does not throw', async (t) => {
  const me = createIdentity()
  t.notOk(verify(new Uint8Array(0), new Uint8Array(1), me.sign(new Uint8Array(1))))
  t.notOk(verify(new Uint8Array(32).fill(255), new Uint8Array(1), me.sign(new Uint8Array(1))))
  t.notOk(verify(me.publicKey, new Uint8Array(1), new Uint8Array(63)))
})

t.test('a name is the hash of the key: 52 characters that can stand in a topic', async (t) => {
  const me = createIdentity()
  t.equal(me.id, idOf(me.publicKey))
  t.equal(me.id.length, 52)
  t.match(me.id, namePattern)
  // RFC 8032 §7.1, test 1: a fixed key, so that the form of names cannot change unseen.
  t.equal(idOf(Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex')), 'eh7ddx5bksrgcytl7bkai36se4nxx3klnk7elksyq57pi74xeg4q')
})

t.test('RFC 8032: a known signature holds', async (t) => {
  const key = Buffer.from('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c', 'hex')
  const signature = '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'
  t.ok(verify(key, Buffer.from('72', 'hex'), Buffer.from(signature, 'hex')))
})

t.test('a key file is made once, 0600, and gives the same node again', async (t) => {
  const dir = `${t.testdir()}/home`
  const first = await openIdentity(`${dir}/node.key`)
  const again = await openIdentity(`${dir}/node.key`)
  t.equal(again.id, first.id)
  t.equal((await stat(`${dir}/node.key`)).mode & 0o777, 0o600)
  t.equal((await stat(dir)).mode & 0o777, 0o700)
  t.ok(verify(first.publicKey, Buffer.from('x'), again.sign(Buffer.from('x'))))
  t.same(await readdir(dir), ['node.key'], 'no draft is left')
})

t.test('processes that come at once become one node', async (t) => {
  const path = `${t.testdir()}/node.key`
  const ids = (await Promise.all(Array.from({ length: 8 }, () => openIdentity(path)))).map((identity) => identity.id)
  t.equal(new Set(ids).size, 1)
})

t.test('a key file that others can read is refused', async (t) => {
  const path = `${t.testdir()}/node.key`
  await openIdentity(path)
  await chmod(path, 0o640)
  await t.rejects(openIdentity(path), { code: 'BAD_CONFIG', hint: `chmod 600 ${path}` })
})

t.test('a file that holds no key is refused and stays', async (t) => {
  const dir = t.testdir()
  await writeFile(`${dir}/node.key`, 'not a key', { mode: 0o600 })
  await t.rejects(openIdentity(`${dir}/node.key`), { code: 'BAD_CONFIG' })
})

t.test('a key is never saved over another', async (t) => {
  const path = `${t.testdir()}/root.key`
  const [one, two] = [createIdentity(), createIdentity()]
  await saveIdentity(path, one)
  await saveIdentity(path, one)
  await t.rejects(saveIdentity(path, two), { code: 'REFUSED' })
  t.equal((await openIdentity(path)).id, one.id)
})

t.test('an identity shows no private key', async (t) => {
  t.same(Object.keys(createIdentity()), ['id', 'publicKey', 'sign'])
})
