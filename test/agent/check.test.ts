import t from 'tap'
import { createCheck } from '../../agent/check.ts'
import { foundDomain } from '../../src/core/trust/domain.ts'
import { createIdentity } from '../../src/core/trust/identity.ts'
import { type Manifest, signManifest } from '../../src/core/trust/manifest.ts'
import type { Policy } from '../../src/core/trust/policy.ts'

const { domain } = foundDomain('lab')
const [me, ada] = [createIdentity(), createIdentity()]
const start = Date.parse('2026-01-01')

/** A node's check, with the times that a key was asked for: that is what a signature costs. */
function open(policy: Policy = 'domain') {
  const clock = { wall: start }
  const asked: string[] = []
  const check = createCheck({
    policy,
    self: me.id,
    domain,
    clock: { now: () => 0, wall: () => clock.wall },
    keyOf(node) {
      asked.push(node)
      return [me, ada].find(({ id }) => id === node)?.publicKey
    },
  })
  const manifest = (change: Partial<Manifest> = {}, by = ada) =>
    signManifest({ domain: domain.id, job: 'j', kind: 'mr@1', node: by.id, limits: {}, permissions: {}, notAfter: start + 1_000, ...change }, by)
  return { check, clock, asked, manifest }
}

t.test('a manifest of a member is read, and its signature checked once: the same comes with every offer', async (t) => {
  const { check, asked, manifest } = open()
  const signed = manifest()
  t.match(check(signed), { job: 'j', node: ada.id, kind: 'mr@1' })
  t.match(check(Uint8Array.from(signed)), { job: 'j' })
  t.same(asked, [ada.id])
})

t.test('what was read once is judged each time: it runs out, whoever holds it', async (t) => {
  const { check, clock, manifest } = open()
  const signed = manifest()
  check(signed)
  clock.wall = start + 1_001
  t.throws(() => check(signed), { code: 'REFUSED' })
})

t.test('a stranger’s, a forged one, one of another domain and none at all are refused, also when they come again', async (t) => {
  const { check, manifest } = open()
  const stranger = createIdentity()
  const forged = manifest()
  forged[forged.length - 2] = (forged[forged.length - 2] ?? 0) ^ 1
  const cases: [string, Uint8Array][] = [
    ['NOT_MEMBER', manifest({}, stranger)],
    ['BAD_SIGNATURE', forged],
    ['REFUSED', manifest({ domain: 'elsewhere' })],
    ['BAD_DATA', Buffer.from('manifest')],
  ]
  for (const [code, signed] of cases) for (const _ of [1, 2]) t.throws(() => check(signed), { code })
})

t.test('the policy of this node decides, not the coordinator', async (t) => {
  const { check, manifest } = open('mine')
  t.throws(() => check(manifest()), { code: 'REFUSED' })
  t.match(check(manifest({}, me)), { node: me.id })
})

t.test('only the last 256 are kept: whoever makes many costs signatures, not memory', async (t) => {
  const { check, asked, manifest } = open()
  const many = Array.from({ length: 257 }, (_, i) => manifest({ job: `j-${i}` }))
  for (const signed of many) check(signed)
  t.equal(asked.length, 257)
  check(many[256] as Uint8Array)
  t.equal(asked.length, 257)
  check(many[0] as Uint8Array)
  t.equal(asked.length, 258)
})
