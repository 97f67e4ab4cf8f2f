import fc from 'fast-check'
import t from 'tap'
import { codeOf, IpdcError } from '../../../src/core/errors.ts'
import { createCertificateReader, issueCertificate } from '../../../src/core/trust/certificate.ts'
import { foundDomain } from '../../../src/core/trust/domain.ts'
import { createIdentity } from '../../../src/core/trust/identity.ts'
import { createOnce } from '../../../src/core/trust/once.ts'
import { checkOrder, checkRequest, requestMs, signRequest } from '../../../src/core/trust/request.ts'
import { seeded } from '../../fixtures/seed.ts'

const { domain, root } = foundDomain('lab')
const [asks, serves] = [createIdentity(), createIdentity()]
const wall = 1_700_000_000_000
const certificate = issueCertificate({ domain, root, node: asks, roles: ['worker'], wall })
const request = { method: 'GET', path: '/ipfs/bafy?format=raw' }
const toSign = { ...request, dst: serves.id, domain, by: asks, certificate, wall }
const toCheck = { ...request, self: serves.id, domain, wall }
const headers = signRequest(toSign)

t.test('a member is known by its request', async (t) => {
  t.equal(checkRequest(headers, toCheck), asks.id)
  t.equal(checkRequest(headers, { ...toCheck, certificates: createCertificateReader(domain) }), asks.id)
  t.ok(Object.values(headers).join('').length < 2000)
})

t.test('it holds for one method, path and node', async (t) => {
  t.throws(() => checkRequest(headers, { ...toCheck, method: 'HEAD' }), { code: 'BAD_SIGNATURE' })
  t.throws(() => checkRequest(headers, { ...toCheck, path: '/ipfs/other' }), { code: 'BAD_SIGNATURE' })
  t.throws(() => checkRequest(headers, { ...toCheck, self: asks.id }), { code: 'BAD_SIGNATURE' })
})

t.test('it holds for a minute, on clocks a minute apart', async (t) => {
  t.ok(checkRequest(headers, { ...toCheck, wall: wall + requestMs }))
  t.ok(checkRequest(headers, { ...toCheck, wall: wall - requestMs }))
  t.throws(() => checkRequest(headers, { ...toCheck, wall: wall + requestMs + 1 }), { code: 'NOT_MEMBER', hint: /60 s/ })
  t.throws(() => checkRequest(headers, { ...toCheck, wall: wall - requestMs - 1 }), { code: 'NOT_MEMBER' })
})

t.test('a stranger is no member, nor is one with the certificate of another', async (t) => {
  const stranger = createIdentity()
  const self = foundDomain('lab')
  const own = issueCertificate({ domain, root: self.root, node: stranger, roles: [], wall })
  t.throws(() => checkRequest(signRequest({ ...toSign, by: stranger, certificate: own }), toCheck), { code: 'NOT_MEMBER' })
  t.throws(() => checkRequest(signRequest({ ...toSign, by: stranger }), toCheck), { code: 'NOT_MEMBER' })
  t.throws(() => checkRequest({}, toCheck), { code: 'NOT_MEMBER' })
  t.throws(() => checkRequest({ ...headers, authorization: ['a', 'b'] }, toCheck), { code: 'NOT_MEMBER' })
})

t.test('no garbage in the headers gets in, and nothing but our errors comes out', async () => {
  const refuses = (garbage: Record<string, string>) => {
    try {
      checkRequest({ ...headers, ...garbage }, toCheck)
      return false
    } catch (error) {
      return codeOf(error) === 'NOT_MEMBER' || codeOf(error) === 'BAD_SIGNATURE'
    }
  }
  fc.assert(
    fc.property(fc.string({ maxLength: 6000 }), fc.boolean(), (text, which) =>
      refuses(which ? { authorization: `Ipdc ${text}` } : { 'ipdc-certificate': text }),
    ),
    seeded(300),
  )
})

const body = new TextEncoder().encode('{"do":"pause"}')
const orderToSign = { ...toSign, method: 'POST', path: '/queue', order: { body, boot: 7 } }
const orderToCheck = () => ({ ...toCheck, method: 'POST', path: '/queue', body, boot: 7, once: createOnce(), admit: () => {} })

t.test('an order tells whose it is and with which roles, and counts once', async (t) => {
  const signed = signRequest(orderToSign)
  const check = orderToCheck()
  t.match(checkOrder(signed, check), { node: asks.id, roles: ['worker'] })
  t.throws(() => checkOrder(signed, check), { code: 'BAD_SIGNATURE', message: /before/ })
  t.ok(checkOrder(signRequest(orderToSign), check), 'the same order, given again, is another')
})

t.test('an order holds for one body and one start of the node', async (t) => {
  const signed = signRequest(orderToSign)
  t.throws(() => checkOrder(signed, { ...orderToCheck(), body: new TextEncoder().encode('{"do":"resume"}') }), { code: 'BAD_SIGNATURE' })
  t.throws(() => checkOrder(signed, { ...orderToCheck(), boot: 8 }), { code: 'BAD_SIGNATURE' })
  t.throws(() => checkOrder(signed, { ...orderToCheck(), path: '/other' }), { code: 'BAD_SIGNATURE' })
  t.throws(() => checkOrder(signRequest({ ...toSign, method: 'POST', path: '/queue' }), orderToCheck()), { code: 'BAD_SIGNATURE' }, 'signed for no body')
})

t.test('orders of a member who gives none use nothing up: whoever may is not kept out', async (t) => {
  const check = { ...orderToCheck(), once: createOnce(1) }
  const admit = () => {
    throw new IpdcError('REFUSED', { message: 'no operator' })
  }
  for (let times = 0; times < 3; times++) t.throws(() => checkOrder(signRequest(orderToSign), { ...check, admit }), { code: 'REFUSED' })
  t.ok(checkOrder(signRequest(orderToSign), check))
  t.throws(() => checkOrder(signRequest(orderToSign), check), { code: 'BUSY' })
})

t.test('an order that is late counts no more, so none need be remembered longer than it holds', async (t) => {
  const signed = signRequest(orderToSign)
  t.throws(() => checkOrder(signed, { ...orderToCheck(), wall: wall + requestMs + 1 }), { code: 'NOT_MEMBER' })
})
