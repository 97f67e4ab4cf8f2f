/**
 * The one form of everything that is signed: CBOR `[version, keyId, signature, payload]`. The signature covers the payload's
 * bytes as they are and the name of what they are, so nothing is encoded again to check it, and a certificate can never
 * pass for a manifest.
 */
import * as v from 'valibot'
import { decode, encode } from '../cbor.ts'
import { IpdcError } from '../errors.ts'
import { type Identity, idOf, verify } from './identity.ts'

export const signedVersion = 1

const Form = v.strictTuple([
  v.literal(signedVersion),
  v.pipe(v.string(), v.regex(/^[a-z2-7]{52}$/)),
  v.pipe(v.instance(Uint8Array), v.length(64)),
  v.instance(Uint8Array),
])

/** A signed form that was read and not checked yet. */
export interface Signed {
  /** Name of the key that is said to have signed: `idOf` its public key. */
  readonly keyId: string
  readonly signature: Uint8Array
  readonly payload: Uint8Array
}

/** Signs `payload` as a `type`, by `by`. */
export function seal(type: string, payload: Uint8Array, by: Identity): Uint8Array {
  return encode([signedVersion, by.id, by.sign(tagged(type, payload)), payload])
}

/**
 * The payload, once its signature holds.
 * @throws TOO_LARGE, BAD_DATA not the form, NOT_MEMBER `keyOf` does not know the key, BAD_SIGNATURE
 */
export function open(bytes: Uint8Array, type: string, keyOf: (keyId: string) => Uint8Array | undefined, maxBytes = 65_536): Pick<Signed, 'keyId' | 'payload'> {
  const signed = readSigned(bytes, maxBytes)
  const key = keyOf(signed.keyId)
  if (key === undefined) throw new IpdcError('NOT_MEMBER', { message: `No known key signed this ${type} (key ${signed.keyId})` })
  checkSigned(signed, type, key)
  return { keyId: signed.keyId, payload: signed.payload }
}

/** The parts, unchecked: for what carries its own certificate. @throws TOO_LARGE, BAD_DATA */
export function readSigned(bytes: Uint8Array, maxBytes = 65_536): Signed {
  if (bytes.length > maxBytes) throw new IpdcError('TOO_LARGE', { message: `${bytes.length} signed bytes where at most ${maxBytes} are taken` })
  return asSigned(decode(bytes))
}

/** The parts of what was decoded already. @throws BAD_DATA */
export function asSigned(value: unknown): Signed {
  const form = v.safeParse(Form, value)
  if (!form.success) throw new IpdcError('BAD_DATA', { message: `Not the signed form: ${form.issues[0].message}` })
  const [, keyId, signature, payload] = form.output
  return { keyId, signature, payload }
}

/** @throws BAD_SIGNATURE: not by this key, or not as this type */
export function checkSigned(signed: Signed, type: string, publicKey: Uint8Array): void {
  if (idOf(publicKey) !== signed.keyId || !verify(publicKey, tagged(type, signed.payload), signed.signature)) {
    throw new IpdcError('BAD_SIGNATURE', { message: `The signature of a ${type} does not hold (key ${signed.keyId})` })
  }
}

/** DSSE's pre-authentication encoding (https://github.com/secure-systems-lab/dsse, protocol.md): lengths in front, so no two pairs have the same bytes. */
function tagged(type: string, payload: Uint8Array): Uint8Array {
  const name = `ipdc/1/${type}`
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(name)} ${name} ${payload.length} `), payload])
}
