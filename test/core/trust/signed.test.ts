import fc from 'fast-check'
import t from 'tap'
import { decode, encode } from '../../../src/core/cbor.ts'
import { codeOf } from '../../../src/core/errors.ts'
import { createIdentity } from '../../../src/core/trust/identity.ts'
import { open, seal } from '../../../src/core/trust/signed.ts'
import { seeded } from '../../fixtures/seed.ts'

const me = createIdentity()
const keyOf = (keyId: string) => (keyId === me.id ? me.publicKey : undefined)

t.test('what was sealed opens, with the name of the key', async (t) => {
  const payload = Buffer.from('payload')
  t.same(open(seal('note', payload, me), 'note', keyOf), { keyId: me.id, payload: new Uint8Array(payload) })
})

t.test('one type never passes for another', async (t) => {
  const bytes = seal('note', Buffer.from('payload'), me)
  t.throws(() => open(bytes, 'nota', keyOf), { code: 'BAD_SIGNATURE' })
})

t.test('a key nobody knows is no member', async (t) => {
  const bytes = seal('note', Buffer.from('payload'), createIdentity())
  t.throws(() => open(bytes, 'note', keyOf), { code: 'NOT_MEMBER' })
})

t.test('a known name does not lend its trust to another key', async (t) => {
  const other = createIdentity()
  const [version, , signature, payload] = decode(seal('note', Buffer.from('payload'), other)) as unknown[]
  t.throws(() => open(encode([version, me.id, signature, payload]), 'note', keyOf), { code: 'BAD_SIGNATURE' })
  t.throws(() => open(seal('note', Buffer.from('payload'), other), 'note', () => me.publicKey), { code: 'BAD_SIGNATURE' }, 'nor does a wrong table of keys')
})

t.test('an unknown version and other shapes are bad data', async (t) => {
  const [, keyId, signature, payload] = decode(seal('note', Buffer.from('payload'), me)) as unknown[]
  for (const form of [
    [2, keyId, signature, payload],
    [1, keyId, signature],
    [1, keyId, signature, payload, 1],
    [1, 'me', signature, payload],
    { a: 1 },
    'text',
    [1, keyId, new Uint8Array(63), payload],
  ]) {
    t.throws(() => open(encode(form), 'note', keyOf), { code: 'BAD_DATA' })
  }
})

t.test('a form over its bound is refused before it is read', async (t) => {
  const bytes = seal('note', new Uint8Array(1000), me)
  t.throws(() => open(bytes, 'note', keyOf, 1000), { code: 'TOO_LARGE' })
})

t.test('no changed byte and no garbage opens, and nothing but our errors comes out', async () => {
  const bytes = seal('note', Buffer.from('a payload of some length'), me)
  const refuses = (changed: Uint8Array) => {
    try {
      open(changed, 'note', keyOf)
      return false
    } catch (error) {
      return codeOf(error) !== undefined
    }
  }
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => refuses(bytes.map((byte, i) => (i === at ? byte ^ flip : byte)))),
    seeded(300),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (garbage) => refuses(garbage)),
    seeded(300),
  )
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), (end) => refuses(bytes.subarray(0, end))),
    seeded(100),
  )
})
