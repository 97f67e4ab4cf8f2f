import { existsSync } from 'node:fs'
import { copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { enrol, openMembership, operatorRole, throwAway } from '../../agent/membership.ts'
import { readCertificate } from '../../src/core/trust/certificate.ts'
import { foundDomain, saveDomain } from '../../src/core/trust/domain.ts'
import { folder } from './rooms.ts'

const now = Date.parse('2026-01-01')
const day = 86_400_000

/** A home that was made a member of a domain. */
async function member(t: Test) {
  const home = await folder(t)
  const made = foundDomain('lab')
  await enrol(home, made, now)
  return { home, ...made }
}

t.test('a fresh home becomes a domain of its own, and stays the same node of the same domain', async (t) => {
  const home = await folder(t)
  const first = await openMembership(home, now)
  t.equal(first.domain.name, 'home')
  t.ok(first.root, 'it holds the root key')
  t.match(readCertificate(first.certificate, first.domain, now), { node: first.identity.id, domain: first.domain.id, notAfter: now + 30 * day })
  const again = await openMembership(home, now + day)
  t.equal(again.identity.id, first.identity.id)
  t.equal(again.domain.id, first.domain.id)
  t.same(again.certificate, first.certificate)
})

t.test('keys in the home are for its owner only', async (t) => {
  const home = await folder(t)
  await openMembership(home, now)
  for (const file of ['identity.key', 'domain/root.key']) t.equal((await stat(join(home, file))).mode & 0o777, 0o600, file)
})

t.test('an enrolled home is a member of that domain without its root key', async (t) => {
  const { home, domain } = await member(t)
  const { root, identity, certificate, ...found } = await openMembership(home, now)
  t.equal(found.domain.id, domain.id)
  t.equal(root, undefined)
  t.notOk(existsSync(join(home, 'domain', 'root.key')))
  t.equal(readCertificate(certificate, domain, now).node, identity.id)
})

t.test('a certificate of another node is refused', async (t) => {
  const { home } = await member(t)
  await rm(join(home, 'identity.key'))
  await t.rejects(openMembership(home, now), { code: 'NOT_MEMBER', message: /of another node/ })
})

t.test('a certificate that ran out, or does not hold yet, is refused', async (t) => {
  const { home } = await member(t)
  await openMembership(home, now + 30 * day)
  await t.rejects(openMembership(home, now + 30 * day + 1), { code: 'NOT_MEMBER', message: /ran out/ })
  await t.rejects(openMembership(home, now - day), { code: 'NOT_MEMBER', hint: /clock/ })
})

t.test('a certificate of another domain is refused', async (t) => {
  const { home } = await member(t)
  const other = await member(t)
  await copyFile(join(other.home, 'domain', 'certificate.cbor'), join(home, 'domain', 'certificate.cbor'))
  await t.rejects(openMembership(home, now), { code: 'NOT_MEMBER' })
})

t.test('who holds the root key has its certificate renewed at two thirds of its life, or when it does not hold', async (t) => {
  const home = await folder(t)
  const { domain, certificate, identity } = await openMembership(home, now)
  t.same((await openMembership(home, now + 20 * day)).certificate, certificate, 'not before')
  const renewed = await openMembership(home, now + 20 * day + 1)
  t.match(readCertificate(renewed.certificate, domain, now + 20 * day + 1), { node: identity.id, notAfter: now + 50 * day + 1 })
  const late = await openMembership(home, now + 400 * day)
  t.equal(late.domain.id, domain.id)
  t.equal(readCertificate(late.certificate, domain, now + 400 * day).notAfter, now + 430 * day)
})

t.test('it is renewed while the agent runs too, for whoever asks for it then, and for the next start', async (t) => {
  const home = await folder(t)
  const membership = await openMembership(home, now)
  const first = membership.certificate
  t.equal(await membership.renew(now + 20 * day), false)
  t.same(membership.certificate, first)
  t.equal(await membership.renew(now + 25 * day), true)
  t.equal(readCertificate(membership.certificate, membership.domain, now + 25 * day).notAfter, now + 55 * day)
  t.same((await openMembership(home, now + 26 * day)).certificate, membership.certificate)
  const own = await throwAway(home, now)
  t.equal(await own.renew(now + 25 * day), true)
  t.equal(readCertificate(own.certificate, own.domain, now + 25 * day).notAfter, now + 55 * day)
})

t.test('without the root key nothing is renewed: that is for whoever holds it', async (t) => {
  const { home } = await member(t)
  const membership = await openMembership(home, now)
  t.equal(await membership.renew(now + 29 * day), false)
})

t.test('a home whose domain gave it no certificate is no member', async (t) => {
  const { home } = await member(t)
  await rm(join(home, 'domain', 'certificate.cbor'))
  await t.rejects(openMembership(home, now), { code: 'NOT_MEMBER', message: /no certificate/ })
})

t.test('a home is enrolled in one domain only', async (t) => {
  const { home, domain } = await member(t)
  await t.rejects(enrol(home, foundDomain('other'), now), { code: 'REFUSED' })
  t.equal((await openMembership(home, now)).domain.id, domain.id)
})

t.test('a throw-away domain leaves nothing in the home but the key of the node, and is another each time', async (t) => {
  const home = await folder(t)
  await mkdir(home, { recursive: true })
  const { domain, root, identity, certificate } = await throwAway(home, now)
  t.same(await readdir(home), ['identity.key'])
  t.equal(readCertificate(certificate, domain, now).node, identity.id)
  t.same(root.publicKey, domain.rootKey)
  const again = await throwAway(home, now)
  t.equal(again.identity.id, identity.id)
  t.not(again.domain.id, domain.id)
})

t.test('the node that holds the root key is an operator, others are not; a certificate without the role is made anew', async (t) => {
  const rolesOf = ({ certificate, domain }: { certificate: Uint8Array; domain: Parameters<typeof readCertificate>[1] }) =>
    readCertificate(certificate, domain, now).roles
  t.ok(rolesOf(await openMembership(await folder(t), now)).includes(operatorRole))
  t.ok(rolesOf(await throwAway(await folder(t), now)).includes(operatorRole))
  const { home, domain, root } = await member(t)
  t.notOk(rolesOf(await openMembership(home, now)).includes(operatorRole))
  // As a version before this one left a founder's home.
  await saveDomain(join(home, 'domain'), { domain, root })
  t.ok(rolesOf(await openMembership(home, now)).includes(operatorRole))
})
