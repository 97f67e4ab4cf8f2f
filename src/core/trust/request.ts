/**
 * HTTP between members: each request is signed for one method, one path, one node and one minute, and carries the sender's
 * certificate, so that a node can serve a member it has never heard of. One that brings a body, to change something, is signed for
 * that body too, for one start of the node, and with a number of its own: it counts once.
 */
import { createHash, randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { decode, encode } from '../cbor.ts'
import { codeOf, IpdcError } from '../errors.ts'
import { type NodeId, namePattern } from '../kind.ts'
import { type Certificate, maxCertificateBytes, readCertificate } from './certificate.ts'
import type { Domain } from './domain.ts'
import type { Identity } from './identity.ts'
import type { Once } from './once.ts'
import { open, seal } from './signed.ts'

/** How long a signed request holds, and how far ahead the sender's clock may be. @default 60_000 (ms) */
export const requestMs = 60_000

const maxRequestBytes = 4096
const name = v.pipe(v.string(), v.regex(namePattern))
const time = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

const Request = v.strictObject({
  domain: name,
  method: v.string(),
  path: v.string(),
  dst: name,
  iat: time,
  exp: time,
  /** Of a request with a body: its SHA-256, the start of `dst` that it is for, and a number by chance. In hex. */
  body: v.exactOptional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
  boot: v.exactOptional(time),
  nonce: v.exactOptional(v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/))),
})

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
  /** What it brings, and the start of `dst` that it is for. */
  readonly order?: { readonly body: Uint8Array; readonly boot: number }
}

/** Headers to send. */
export function signRequest({ method, path, dst, domain, by, certificate, wall, order }: RequestToSign): Record<string, string> {
  const once = order && { body: hashOf(order.body), boot: order.boot, nonce: randomBytes(16).toString('hex') }
  const signed = seal('request', encode({ domain: domain.id, method, path, dst, iat: wall, exp: wall + requestMs, ...once }), by)
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

export interface OrderToCheck extends RequestToCheck {
  readonly body: Uint8Array
  readonly boot: number
  readonly once: Once
  /** Throws where that member gives no orders: what one may not do uses nothing up, and keeps out nobody who may. */
  readonly admit: (certificate: Certificate) => void
}

/** Who asks. @throws NOT_MEMBER unsigned, no certificate of this domain, out of its minute; BAD_SIGNATURE not by that member, or for another request */
export function checkRequest(headers: Headers, asked: RequestToCheck): NodeId {
  return read(headers, asked).certificate.node
}

/** Whose order it is, which counts this once. @throws NOT_MEMBER, BAD_SIGNATURE as above, or for another body or start, or used before; BUSY; and what `admit` throws */
export function checkOrder(headers: Headers, asked: OrderToCheck): Certificate {
  const { certificate, request } = read(headers, asked)
  if (request.nonce === undefined || request.body !== hashOf(asked.body) || request.boot !== asked.boot) {
    throw new IpdcError('BAD_SIGNATURE', { message: 'Signed for another body, or for another start of this node' })
  }
  asked.admit(certificate)
  asked.once.use(`${certificate.node} ${request.nonce}`, request.exp, asked.wall)
  return certificate
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

function read(
  headers: Headers,
  { method, path, self, domain, wall, certificates }: RequestToCheck,
): { readonly certificate: Certificate; readonly request: v.InferOutput<typeof Request> } {
  const certificateOf = certificates ?? ((bytes: Uint8Array) => readCertificate(bytes, domain, wall))
  try {
    const certificate = certificateOf(fromHeader(headers['ipdc-certificate'], maxCertificateBytes), wall)
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
    return { certificate, request }
  } catch (error) {
    const code = codeOf(error)
    if (code === 'NOT_MEMBER' || code === 'BAD_SIGNATURE') throw error
    // A request that cannot be read is one of no member: the answer is the same, and says no more.
    throw new IpdcError('NOT_MEMBER', { message: `Not a signed request of a member: ${(error as Error).message}`, cause: error })
  }
}

function hashOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex')
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
