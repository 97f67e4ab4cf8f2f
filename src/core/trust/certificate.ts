/** What makes a node a member: its key and its roles, signed by the domain's root, for 30 days. It is shown to strangers, so it is all they need. */
import { createHash, randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { decode, encode } from '../cbor.ts'
import { IpdcError } from '../errors.ts'
import { type NodeId, namePattern } from '../kind.ts'
import type { Domain } from './domain.ts'
import { type Identity, idOf } from './identity.ts'
import { open, seal } from './signed.ts'

/** A sealed certificate, at most. @default 2048 (bytes) */
export const maxCertificateBytes = 2048

/** How far clocks of members may be apart. @default 600_000 (ms) */
export const clockSkewMs = 600_000

const time = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const name = v.pipe(v.string(), v.regex(namePattern))

const Certificate = v.strictObject({
  domain: name,
  node: name,
  /** Raw, 32 bytes. */
  publicKey: v.pipe(
    v.custom<Uint8Array>((key) => key instanceof Uint8Array, 'not bytes'),
    v.length(32),
  ),
  roles: v.pipe(v.array(name), v.maxLength(8)),
  /** Wall clock, ms. */
  notBefore: time,
  notAfter: time,
  /** Random; what a revocation names. */
  serial: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
})

export type Certificate = Readonly<v.InferOutput<typeof Certificate>>

export interface Issue {
  readonly domain: Domain
  readonly root: Identity
  readonly node: { readonly id: NodeId; readonly publicKey: Uint8Array }
  readonly roles: readonly string[]
  /** @default 30 */
  readonly days?: number
  /** Now, in ms since 1970. */
  readonly wall: number
}

export function issueCertificate({ domain, root, node, roles, days = 30, wall }: Issue): Uint8Array {
  const certificate: Certificate = {
    domain: domain.id,
    node: node.id,
    publicKey: node.publicKey,
    roles: [...roles],
    notBefore: wall,
    notAfter: wall + days * 86_400_000,
    serial: randomBytes(16).toString('hex'),
  }
  return seal('certificate', encode(v.parse(Certificate, certificate)), root)
}

/** @throws NOT_MEMBER other root, other domain, not its time, a key that is not the node's; BAD_SIGNATURE, BAD_DATA, TOO_LARGE */
export function readCertificate(bytes: Uint8Array, domain: Domain, wall: number): Certificate {
  const certificate = readSignedCertificate(bytes, domain)
  checkTime(certificate, wall)
  return certificate
}

/** Reads certificates of one domain and remembers the last ones: members show the same one again and again. Times are checked each time. */
export function createCertificateReader(domain: Domain, maxKept = 1024): (bytes: Uint8Array, wall: number) => Certificate {
  const kept = new Map<string, Certificate>()
  return (bytes, wall) => {
    const key = createHash('sha256').update(bytes).digest('base64')
    let certificate = kept.get(key)
    if (certificate === undefined) {
      certificate = readSignedCertificate(bytes, domain)
      const oldest = kept.keys().next()
      if (kept.size >= maxKept && oldest.done !== true) kept.delete(oldest.value)
      kept.set(key, certificate)
    }
    checkTime(certificate, wall)
    return certificate
  }
}

function readSignedCertificate(bytes: Uint8Array, domain: Domain): Certificate {
  const { payload } = open(bytes, 'certificate', (keyId) => (keyId === idOf(domain.rootKey) ? domain.rootKey : undefined), maxCertificateBytes)
  const parsed = v.safeParse(Certificate, decode(payload))
  if (!parsed.success) throw new IpdcError('BAD_DATA', { message: `Not a certificate: ${parsed.issues[0].message}` })
  const certificate = parsed.output
  if (certificate.domain !== domain.id) throw new IpdcError('NOT_MEMBER', { message: `Certificate of the domain ${certificate.domain}, not of ${domain.id}` })
  if (certificate.node !== idOf(certificate.publicKey))
    throw new IpdcError('NOT_MEMBER', { message: `Certificate for ${certificate.node} names a key of another node` })
  return certificate
}

function checkTime({ node, notBefore, notAfter }: Certificate, wall: number): void {
  // The issuer's clock may be ahead of ours.
  if (wall < notBefore - clockSkewMs) {
    throw new IpdcError('NOT_MEMBER', {
      message: `The certificate of ${node} holds from ${new Date(notBefore).toISOString()} only`,
      hint: 'Set the clock of this machine',
    })
  }
  if (wall > notAfter) throw new IpdcError('NOT_MEMBER', { message: `The certificate of ${node} ran out at ${new Date(notAfter).toISOString()}` })
}
