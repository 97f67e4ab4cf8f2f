/**
 * A closed group of nodes. Its id is the hash of its root public key, so whoever knows the id can check everything else:
 * the domain document is signed by that key, and so is every certificate of a member.
 */
import { join } from 'node:path'
import * as v from 'valibot'
import { decode, encode } from '../cbor.ts'
import { IpdcError } from '../errors.ts'
import { namePattern } from '../kind.ts'
import { createFileOnce, readDocument } from './file.ts'
import { createIdentity, type Identity, idOf, readIdentity, saveIdentity } from './identity.ts'
import { open, readSigned, seal } from './signed.ts'

export interface Domain {
  /** The first 16 characters of the root key's name. */
  readonly id: string
  /** A label for people. */
  readonly name: string
  /** Raw, 32 bytes. */
  readonly rootKey: Uint8Array
  /** The root-signed document that says the above: what a new member is given. */
  readonly document: Uint8Array
}

const Document = v.strictObject({
  /** Raised with each change: a node refuses an older one. */
  serial: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  name: v.pipe(v.string(), v.regex(namePattern)),
  rootKey: v.pipe(v.instance(Uint8Array), v.length(32)),
})

/** A new domain and the key that rules it. @throws USAGE bad name */
export function foundDomain(name: string): { domain: Domain; root: Identity } {
  if (!namePattern.test(name))
    throw new IpdcError('USAGE', { message: `"${name}" cannot name a domain`, hint: 'Lower-case letters, digits and dashes, at most 63' })
  const root = createIdentity()
  const document = seal('domain', encode({ serial: 1, name, rootKey: root.publicKey }), root)
  return { domain: { id: idOf(root.publicKey).slice(0, 16), name, rootKey: root.publicKey, document }, root }
}

/** What a domain document says, once it is seen to be signed by its own root key. @throws BAD_DATA, BAD_SIGNATURE, NOT_MEMBER, TOO_LARGE */
export function readDomain(document: Uint8Array): Domain {
  const stated = v.safeParse(Document, decode(readSigned(document, maxBytes).payload))
  if (!stated.success) throw new IpdcError('BAD_DATA', { message: `Not a domain document: ${stated.issues[0].message}` })
  const { name, rootKey } = stated.output
  open(document, 'domain', (keyId) => (keyId === idOf(rootKey) ? rootKey : undefined), maxBytes)
  return { id: idOf(rootKey).slice(0, 16), name, rootKey, document }
}

/** Keeps a domain in this folder, with its root key where this node holds it. @throws REFUSED the folder belongs to another domain; IO */
export async function saveDomain(dir: string, { domain, root }: { domain: Domain; root?: Identity | undefined }): Promise<void> {
  if (root !== undefined) await saveIdentity(join(dir, 'root.key'), root)
  await createFileOnce(join(dir, 'domain.cbor'), domain.document)
  const kept = await openDomain(dir)
  if (kept?.domain.id !== domain.id) {
    throw new IpdcError('REFUSED', {
      message: `${dir} belongs to the domain "${kept?.domain.name}" (${kept?.domain.id}) already`,
      hint: 'Use another IPDC_HOME',
    })
  }
}

/** The domain kept in this folder, or undefined where there is none. @throws BAD_DATA, BAD_SIGNATURE, BAD_CONFIG, IO */
export async function openDomain(dir: string): Promise<{ domain: Domain; root?: Identity } | undefined> {
  const document = await readDocument(join(dir, 'domain.cbor'))
  if (document === undefined) return undefined
  const domain = readDomain(document)
  const root = await readIdentity(join(dir, 'root.key'))
  if (root === undefined) return { domain }
  if (root.id.slice(0, 16) !== domain.id)
    throw new IpdcError('BAD_CONFIG', { message: `root.key in ${dir} is not the root key of its domain "${domain.name}"` })
  return { domain, root }
}

const maxBytes = 16_384
