import { readdir } from 'node:fs/promises'
import t from 'tap'
import { encode } from '../../../src/core/cbor.ts'
import { namePattern } from '../../../src/core/kind.ts'
import { foundDomain, openDomain, readDomain, saveDomain } from '../../../src/core/trust/domain.ts'
import { createIdentity } from '../../../src/core/trust/identity.ts'
import { seal } from '../../../src/core/trust/signed.ts'

t.test('a domain is named by its root key', async (t) => {
  const { domain, root } = foundDomain('lab')
  t.equal(domain.id, root.id.slice(0, 16))
  t.match(domain.id, namePattern)
  t.same(domain.rootKey, root.publicKey)
  t.not(foundDomain('lab').domain.id, domain.id, 'two of one name are two')
})

t.test('a name that cannot stand in a topic is refused', async (t) => {
  t.throws(() => foundDomain('My Lab'), { code: 'USAGE' })
})

t.test('a founder keeps the root key, a member only the document', async (t) => {
  const founded = foundDomain('lab')
  const dir = t.testdir({ founder: {}, member: {} })
  await saveDomain(`${dir}/founder`, founded)
  await saveDomain(`${dir}/member`, { domain: founded.domain })
  t.same(await readdir(`${dir}/member`), ['domain.cbor'])
  t.equal((await openDomain(`${dir}/founder`))?.root?.id, founded.root.id)
  const member = await openDomain(`${dir}/member`)
  t.same(member?.domain.id, founded.domain.id)
  t.equal(member?.domain.name, 'lab')
  t.equal(member?.root, undefined)
})

t.test('an empty folder holds no domain', async (t) => {
  t.equal(await openDomain(t.testdir()), undefined)
})

t.test('a folder stays in its domain', async (t) => {
  const dir = t.testdir()
  const { domain } = foundDomain('lab')
  await saveDomain(dir, { domain })
  await saveDomain(dir, { domain })
  await t.rejects(saveDomain(dir, { domain: foundDomain('other').domain }), { code: 'REFUSED' })
  t.equal((await openDomain(dir))?.domain.id, domain.id)
})

t.test('a document that another key signed is refused', async (t) => {
  const { root } = foundDomain('lab')
  const forged = seal('domain', encode({ serial: 1, name: 'lab', rootKey: root.publicKey }), createIdentity())
  t.throws(() => readDomain(forged), { code: 'NOT_MEMBER' })
  t.throws(() => readDomain(Buffer.from('garbage')), { code: 'BAD_DATA' })
})
