/**
 * Who a node is: an Ed25519 key of its own. Its name is the hash of the public key, so a name cannot be taken by another key.
 * The private key never leaves this file's objects but into its own 0600 file.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify as verifyWith } from 'node:crypto'
import { base32 } from 'multiformats/bases/base32'
import { IpdcError } from '../errors.ts'
import type { NodeId } from '../kind.ts'
import { createFileOnce, readSecret } from './file.ts'

export interface Identity {
  readonly id: NodeId
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array
  sign(bytes: Uint8Array): Uint8Array
}

/** A fresh key, in memory only. */
export function createIdentity(): Identity {
  return fromKey(generateKeyPairSync('ed25519').privateKey)
}

/** The key in this file, which is made when it does not exist. @throws BAD_CONFIG others may read the file, or it holds no Ed25519 key; IO */
export async function openIdentity(path: string): Promise<Identity> {
  const found = await readIdentity(path)
  if (found !== undefined) return found
  await saveIdentityKey(path, generateKeyPairSync('ed25519').privateKey)
  // Read back: where two processes came at once, one key stands in the file and both must use it.
  const made = await readIdentity(path)
  if (made === undefined) throw new IpdcError('IO', { message: `Key file ${path} went away while it was made` })
  return made
}

/** The key in this file, or undefined where there is no file. @throws BAD_CONFIG, IO */
export async function readIdentity(path: string): Promise<Identity | undefined> {
  const pem = await readSecret(path)
  if (pem === undefined) return undefined
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType !== 'ed25519') throw new Error(`it is a key of type ${key.asymmetricKeyType}`)
    return fromKey(key)
  } catch (cause) {
    throw new IpdcError('BAD_CONFIG', {
      message: `${path} holds no Ed25519 key: ${(cause as Error).message}`,
      hint: 'Put the right file back, or remove it to become a new node',
      cause,
    })
  }
}

/** Keeps a key made in memory. A file that holds another one stays as it is. @throws REFUSED, BAD_CONFIG, IO */
export async function saveIdentity(path: string, identity: Identity): Promise<void> {
  const key = keys.get(identity)
  if (key === undefined) throw new IpdcError('USAGE', { message: 'Only an identity made here can be saved' })
  await saveIdentityKey(path, key)
  if ((await readIdentity(path))?.id !== identity.id) throw new IpdcError('REFUSED', { message: `${path} holds another key already` })
}

/** Base32 (RFC 4648, lower case, no padding) of the SHA-256 of the raw public key: 52 characters. */
export function idOf(publicKey: Uint8Array): NodeId {
  return base32.baseEncode(createHash('sha256').update(publicKey).digest())
}

/** Whether `signature` over `bytes` is by this raw public key. Never throws. */
export function verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  try {
    return verifyWith(null, bytes, publicKeyOf(publicKey), signature)
  } catch {
    return false
  }
}

/** Private keys by their identity, so that nothing which walks or logs an identity can meet one. */
const keys = new WeakMap<Identity, KeyObject>()

function fromKey(key: KeyObject): Identity {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const publicKey = new Uint8Array(der.subarray(-32))
  const identity: Identity = { id: idOf(publicKey), publicKey, sign: (bytes) => new Uint8Array(sign(null, bytes, key)) }
  keys.set(identity, key)
  return identity
}

async function saveIdentityKey(path: string, key: KeyObject): Promise<void> {
  await createFileOnce(path, Buffer.from(key.export({ type: 'pkcs8', format: 'pem' })))
}

// RFC 8410: an Ed25519 public key in DER is this prefix and the 32 bytes.
const derPrefix = Buffer.from('302a300506032b6570032100', 'hex')
const maxKnown = 1024
const known = new Map<string, KeyObject>()

/** Making a key object costs a third of a check, so the last ones are kept. */
function publicKeyOf(raw: Uint8Array): KeyObject {
  const name = Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString('latin1')
  let key = known.get(name)
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.concat([derPrefix, raw]), format: 'der', type: 'spki' })
    const oldest = known.keys().next()
    if (known.size >= maxKnown && oldest.done !== true) known.delete(oldest.value)
    known.set(name, key)
  }
  return key
}
