import t from 'tap'
import { encode } from '../../../src/core/cbor.ts'
import { clockSkewMs, createCertificateReader, issueCertificate, maxCertificateBytes, readCertificate } from '../../../src/core/trust/certificate.ts'
import { foundDomain } from '../../../src/core/trust/domain.ts'
import { createIdentity } from '../../../src/core/trust/identity.ts'
import { seal } from '../../../src/core/trust/signed.ts'

const { domain, root } = foundDomain('lab')
const node = createIdentity()
const wall = 1_700_000_000_000
const day = 86_400_000
const certificate = issueCertificate({ domain, root, node, roles: ['worker'], wall })

t.test('a certificate says who is a member, in which roles, until when', async (t) => {
  t.match(readCertificate(certificate, domain, wall), {
    domain: domain.id,
    node: node.id,
    roles: ['worker'],
    notBefore: wall,
    notAfter: wall + 30 * day,
    serial: /^[0-9a-f]{32}$/,
  })
  t.same(readCertificate(certificate, domain, wall).publicKey, node.publicKey)
  t.ok(certificate.length < maxCertificateBytes / 2)
})

t.test('it holds for its time, and a little before for clocks that differ', async (t) => {
  t.ok(readCertificate(certificate, domain, wall - clockSkewMs))
  t.ok(readCertificate(certificate, domain, wall + 30 * day))
  t.throws(() => readCertificate(certificate, domain, wall - clockSkewMs - 1), { code: 'NOT_MEMBER' })
  t.throws(() => readCertificate(certificate, domain, wall + 30 * day + 1), { code: 'NOT_MEMBER' })
})

t.test('another root makes no member', async (t) => {
  const other = foundDomain('lab')
  const foreign = issueCertificate({ domain, root: other.root, node, roles: [], wall })
  t.throws(() => readCertificate(foreign, domain, wall), { code: 'NOT_MEMBER' })
  t.throws(() => readCertificate(certificate, other.domain, wall), { code: 'NOT_MEMBER' })
})

t.test('a certificate cannot give a node the key of another', async (t) => {
  const wrong = issueCertificate({ domain, root, node: { id: node.id, publicKey: createIdentity().publicKey }, roles: [], wall })
  t.throws(() => readCertificate(wrong, domain, wall), { code: 'NOT_MEMBER' })
})

t.test('what is no certificate is bad data, whoever signed it', async (t) => {
  t.throws(() => readCertificate(seal('certificate', encode({ domain: domain.id }), root), domain, wall), { code: 'BAD_DATA' })
  t.throws(() => readCertificate(seal('manifest', encode({ domain: domain.id }), root), domain, wall), { code: 'BAD_SIGNATURE' })
  t.throws(() => readCertificate(Buffer.from('?'), domain, wall), { code: 'BAD_DATA' })
  t.throws(() => readCertificate(new Uint8Array(maxCertificateBytes + 1), domain, wall), { code: 'TOO_LARGE' })
})

t.test('a reader remembers a certificate, not its time', async (t) => {
  const read = createCertificateReader(domain, 2)
  const first = read(certificate, wall)
  t.equal(read(Uint8Array.from(certificate), wall), first, 'not read again')
  t.throws(() => read(certificate, wall + 31 * day), { code: 'NOT_MEMBER' })
  for (let i = 0; i < 2; i++) read(issueCertificate({ domain, root, node: createIdentity(), roles: [], wall }), wall)
  t.not(read(certificate, wall), first, 'the oldest is forgotten: the table is bounded')
})
