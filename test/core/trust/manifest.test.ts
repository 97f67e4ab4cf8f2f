import t from 'tap'
import { encode } from '../../../src/core/cbor.ts'
import { createIdentity } from '../../../src/core/trust/identity.ts'
import { type Manifest, readManifest, signManifest } from '../../../src/core/trust/manifest.ts'
import { allows } from '../../../src/core/trust/policy.ts'
import { seal } from '../../../src/core/trust/signed.ts'

const me = createIdentity()
const other = createIdentity()
const keyOf = (node: string) => [me, other].find(({ id }) => id === node)?.publicKey
const wall = 1_700_000_000_000
const manifest: Manifest = { domain: 'abcdefghijklmnop', job: 'wordcount-7f3a', kind: 'mr@1', node: me.id, limits: {}, permissions: {}, notAfter: wall + 1000 }
const code = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

t.test('a manifest arrives as it was signed', async (t) => {
  const whole: Manifest = { ...manifest, code, args: code, limits: { wallMs: 60_000, memory: 1 << 27 }, permissions: { net: ['example.org'] } }
  t.same(readManifest(signManifest(whole, me), keyOf), whole)
})

t.test('only the submitter signs its manifest', async (t) => {
  t.throws(() => signManifest(manifest, other), { code: 'USAGE' })
  t.throws(() => readManifest(seal('manifest', encode(manifest), other), keyOf), { code: 'BAD_SIGNATURE' })
  t.throws(() => readManifest(signManifest({ ...manifest, node: other.id }, other), (node) => (node === me.id ? me.publicKey : undefined)), {
    code: 'NOT_MEMBER',
  })
})

t.test('an unknown field or a bad name is refused: nobody can ask for what we do not understand', async (t) => {
  for (const bad of [
    { ...manifest, sudo: true },
    { ...manifest, job: '../x' },
    { ...manifest, kind: 'mr' },
    { ...manifest, code: 'Qm' },
    { ...manifest, limits: { gpus: 1 } },
  ]) {
    t.throws(() => readManifest(seal('manifest', encode(bad), me), keyOf), { code: 'BAD_DATA' })
  }
})

t.test('a manifest over 16 KiB is refused', async (t) => {
  const net = Array.from({ length: 64 }, (_, i) => `${'a'.repeat(250)}${i}`)
  t.throws(() => signManifest({ ...manifest, permissions: { net: [...net, 'x'] } }, me), { code: 'BAD_DATA' })
  t.throws(() => signManifest({ ...manifest, permissions: { net } }, me), { code: 'TOO_LARGE' })
})

t.test('policy: a node of a domain runs the jobs of members, a node of mine its own', async (t) => {
  const host = { self: me.id, domain: { id: manifest.domain }, wall }
  t.equal(allows('domain', manifest, host), true)
  t.equal(allows('mine', manifest, host), true)
  t.equal(allows('domain', { ...manifest, node: other.id }, host), true)
  t.match(allows('mine', { ...manifest, node: other.id }, host), { code: 'REFUSED' })
})

t.test('policy: no job of another domain, of the past, or with code of its own', async (t) => {
  const host = { self: me.id, domain: { id: manifest.domain }, wall }
  t.match(allows('domain', { ...manifest, domain: 'other' }, host), { code: 'REFUSED' })
  t.match(allows('domain', { ...manifest, notAfter: wall - 1 }, host), { code: 'REFUSED' })
  t.match(allows('mine', { ...manifest, code }, host), { code: 'REFUSED' })
})
