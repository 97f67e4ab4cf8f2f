/**
 * HTTP between members: each request is signed for one method, one path, one node and one minute, and carries the sender's
 * certificate, so that a node can serve a member it has never heard of.
 */
import * as v from 'valibot'
import { decode, encode } from '../cbor.ts'
import { codeOf, IpdcError } from '../errors.ts'
import { type NodeId, namePattern } from '../kind.ts'
import { type Certificate, maxCertificateBytes, readCertificate } from './certificate.ts'
import type { Domain } from './domain.ts'
import type { Identity } from './identity.ts'
import { open, seal } from './signed.ts'

/** How long a signed request holds, and how far ahead the sender's clock may be. @default 60_000 (ms) */
export const requestMs = 60_000

const maxRequestBytes = 4096
const name = v.pipe(v.string(), v.regex(namePattern))
const time = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

const Request = v.strictObject({ domain: name, method: v.string(), path: v.string(), dst: name, iat: time, exp: time })

export interface RequestToSign {
  readonly method: string
  /** As it stands in the request line, query included. */
  readonly path: string
  readonly dst: NodeId
  readonly domain: Pick<Domain, 'id'>
  readonly by: Identity
  readonly certificate: Uint8Array
  /** Now, in ms since 1970. */
  readonly wall: number
}

/** Headers to send. */
export function signRequest({ method, path, dst, domain, by, certificate, wall }: RequestToSign): Record<string, string> {
  const signed = seal('request', encode({ domain: domain.id, method, path, dst, iat: wall, exp: wall + requestMs }), by)
  return { authorization: `Ipdc ${base64(signed)}`, 'ipdc-certificate': base64(certificate) }
}

export interface RequestToCheck {
  readonly method: string
  readonly path: string
  readonly self: NodeId
  readonly domain: Domain
  readonly wall: number
  /** A server passes one `createCertificateReader(domain)`, which remembers. @default reads each certificate anew */
  readonly certificates?: (bytes: Uint8Array, wall: number) => Certificate
}

/** Who asks. @throws NOT_MEMBER unsigned, no certificate of this domain, out of its minute; BAD_SIGNATURE not by that member, or for another request */
export function checkRequest(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  { method, path, self, domain, wall, certificates }: RequestToCheck,
): NodeId {
  const read = certificates ?? ((bytes: Uint8Array) => readCertificate(bytes, domain, wall))
  try {
    const certificate = read(fromHeader(headers['ipdc-certificate'], maxCertificateBytes), wall)
    const signed = fromHeader(headers.authorization, maxRequestBytes, 'Ipdc ')
    const { payload } = open(signed, 'request', (keyId) => (keyId === certificate.node ? certificate.publicKey : undefined), maxRequestBytes)
    const request = v.parse(Request, decode(payload))
    if (request.domain !== domain.id || request.dst !== self || request.method !== method || request.path !== path) {
      throw new IpdcError('BAD_SIGNATURE', { message: `Signed for another request: ${request.method} ${request.path} of ${request.dst}` })
    }
    if (request.exp - request.iat > requestMs || wall > request.exp || wall < request.iat - requestMs) {
      throw new IpdcError('NOT_MEMBER', {
        message: 'Signed at another time',
        hint: `Set the clocks: these machines differ by about ${Math.round(Math.abs(wall - request.iat) / 1000)} s`,
      })
    }
    return certificate.node
  } catch (error) {
    const code = codeOf(error)
    if (code === 'NOT_MEMBER' || code === 'BAD_SIGNATURE') throw error
    // A request that cannot be read is one of no member: the answer is the same, and says no more.
    throw new IpdcError('NOT_MEMBER', { message: `Not a signed request of a member: ${(error as Error).message}`, cause: error })
  }
}

function fromHeader(value: string | readonly string[] | undefined, maxBytes: number, prefix = ''): Uint8Array {
  if (typeof value !== 'string' || !value.startsWith(prefix) || value.length > prefix.length + Math.ceil((maxBytes * 4) / 3)) {
    throw new IpdcError('NOT_MEMBER', { message: 'The request is not signed' })
  }
  return Buffer.from(value.slice(prefix.length), 'base64url')
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')
}
