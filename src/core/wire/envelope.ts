/**
 * How a message is closed and opened. Nothing that was not checked comes out of `open`: size, form, topic, signature,
 * membership, addressee, time and order, in this order; what fails is refused for one reason and counted.
 */
import * as v from 'valibot'
import { decode, encode } from '../cbor.ts'
import { IpdcError } from '../errors.ts'
import { type JobId, type NodeId, namePattern, type Term } from '../kind.ts'
import { type Certificate, clockSkewMs, createCertificateReader } from '../trust/certificate.ts'
import type { Domain } from '../trust/domain.ts'
import type { Identity } from '../trust/identity.ts'
import { asSigned, checkSigned, type Signed, seal, signedVersion } from '../trust/signed.ts'
import { type Body, bodies, type Message, type MessageType, maxMessageBytes } from './message.ts'
import { type RefusalReason, type Refused, refusal } from './refusal.ts'
import { createReplay } from './replay.ts'
import { parseTopic, type Topic } from './topic.ts'

/** How long a message holds, at most. @default 600_000 (ms) */
export const maxAgeMs = 600_000

const name = v.pipe(v.string(), v.regex(namePattern))
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

const Envelope = v.strictObject({
  domain: name,
  type: v.pipe(v.string(), v.maxLength(64)),
  src: name,
  dst: v.union([v.literal('*'), name]),
  /** The start of `dst` that is meant: what was for another is never heard, so no window of replay has to outlive its process. */
  dstBoot: v.exactOptional(count),
  job: v.exactOptional(name),
  term: v.exactOptional(count),
  boot: count,
  seq: count,
  iat: count,
  exp: count,
  body: v.unknown(),
})
type Envelope = v.InferOutput<typeof Envelope>

// --- Sealing ------------------------------------------------------------------------------------

export interface SealerOptions {
  readonly domain: Pick<Domain, 'id'>
  readonly identity: Identity
  /** Number of this start of the agent. */
  readonly boot: number
  /** Wall clock, ms. */
  readonly wall: () => number
  /** The newest start of another node that was heard of; undefined where there was no presence of it. */
  readonly bootOf: (node: NodeId) => number | undefined
}

export interface ToSeal<T extends MessageType> {
  /** A node, or `*` for presence and events. */
  readonly dst: string
  readonly job?: JobId | undefined
  readonly term?: Term | undefined
  readonly body: Body<T>
}

export interface Sealer {
  /** @throws TOO_LARGE over 64 KiB; UNREACHABLE for a node that was not heard of */
  seal<T extends MessageType>(type: T, message: ToSeal<T>): Uint8Array
}

export function createSealer({ domain, identity, boot, wall, bootOf }: SealerOptions): Sealer {
  let seq = 0
  return {
    seal(type, { dst, job, term, body }) {
      const dstBoot = dst === '*' ? undefined : bootOf(dst)
      if (dst !== '*' && dstBoot === undefined) throw new IpdcError('UNREACHABLE', { message: `No presence of ${dst} was heard` })
      seq++
      const iat = wall()
      const envelope = { domain: domain.id, type, src: identity.id, dst, dstBoot, job, term, boot, seq, iat, exp: iat + maxAgeMs, body }
      const bytes = seal('message', encode(envelope), identity)
      if (bytes.length > maxMessageBytes) {
        throw new IpdcError('TOO_LARGE', {
          message: `A ${type} of ${bytes.length} bytes: at most ${maxMessageBytes} fit in a message`,
          hint: 'Put the data into the store and send its CID',
        })
      }
      return bytes
    },
  }
}

// --- Opening ------------------------------------------------------------------------------------

export interface OpenerOptions {
  readonly domain: Domain
  readonly self: NodeId
  /** Number of this start of the agent. */
  readonly boot: number
  /** Wall clock, ms. */
  readonly wall: () => number
  /** Public key of a member that was heard of: from the certificate in its presence. */
  readonly keyOf: (node: NodeId) => Uint8Array | undefined
  /** Shared with whoever else reads certificates. @default one of its own */
  readonly certificates?: (bytes: Uint8Array, wall: number) => Certificate
}

export interface Opener {
  /** @throws Refused */
  open(topic: string, bytes: Uint8Array): Message
  /** The newest start of a node that a message, other than presence, was heard of. */
  bootOf(node: NodeId): number | undefined
  /** Messages refused, by reason. */
  readonly refused: Readonly<Record<string, number>>
}

export function createOpener(options: OpenerOptions): Opener {
  const { domain, certificates = createCertificateReader(domain) } = options
  const replay = createReplay()
  const refused: Record<string, number> = {}

  const open = (topic: string, bytes: Uint8Array): Message => {
    const signed = readForm(bytes)
    const place = readPlace(topic)
    checkSender(signed, place, { ...options, certificates })
    const envelope = readEnvelope(signed)
    checkAddress(envelope, place, options)
    checkTimes(envelope, options.wall())
    // Presence is said again every few minutes and kept by the broker; the newest counts, however often it is heard.
    if (place.is !== 'presence') checkOnce(replay.hear(envelope.src, envelope.boot, envelope.seq))
    return readMessage(envelope)
  }

  return {
    refused,
    bootOf: replay.bootOf,
    open(topic, bytes) {
      try {
        return open(topic, bytes)
      } catch (error) {
        const reason = (error as Partial<Refused>).reason ?? 'broken'
        refused[reason] = (refused[reason] ?? 0) + 1
        throw error
      }
    },
  }
}

function readForm(bytes: Uint8Array): Signed {
  if (bytes.length > maxMessageBytes) throw refusal('oversize', `${bytes.length} bytes`)
  const value = or('bad-cbor', () => decode(bytes))
  if (Array.isArray(value) && value.length === 4 && Number.isInteger(value[0]) && value[0] !== signedVersion)
    throw refusal('unknown-version', `version ${value[0]}`)
  return or('unsigned', () => asSigned(value))
}

function readPlace(topic: string): Topic {
  const place = or('bad-topic', () => parseTopic(topic))
  if (place.is === 'join') throw refusal('bad-topic', 'no messages of members on a join topic')
  return place
}

/** Presence brings its own certificate, so that a stranger can be believed; all else is by a member that was heard of. */
function checkSender(signed: Signed, place: Topic, { wall, keyOf, certificates }: Required<Pick<OpenerOptions, 'wall' | 'keyOf' | 'certificates'>>): void {
  const key = place.is === 'presence' ? keyInPresence(signed, wall(), certificates) : keyOf(signed.keyId)
  if (key === undefined) throw refusal('unknown-sender', `no presence of ${signed.keyId} was heard`)
  or('forged', () => checkSigned(signed, 'message', key))
}

function keyInPresence({ payload }: Signed, wall: number, certificates: (bytes: Uint8Array, wall: number) => Certificate): Uint8Array {
  const claimed = or('bad-envelope', () => decode(payload)) as { type?: unknown; iat?: unknown; body?: { certificate?: unknown } | null } | null
  const bytes = claimed?.body?.certificate
  if (!(bytes instanceof Uint8Array)) throw refusal('bad-certificate', 'a presence without a certificate')
  // A will is sealed when its connection begins: the certificate may have been renewed since.
  const { type, iat } = claimed ?? {}
  const at = type === 'node.gone' && typeof iat === 'number' ? Math.min(iat, wall) : wall
  // A certificate of another node brings a key that did not sign.
  return or('bad-certificate', () => certificates(bytes, at)).publicKey
}

function readEnvelope({ keyId, payload }: Signed): Envelope {
  const parsed = v.safeParse(
    Envelope,
    or('bad-envelope', () => decode(payload)),
  )
  if (!parsed.success) throw refusal('bad-envelope', issueOf(parsed.issues[0]))
  if (parsed.output.src !== keyId) throw refusal('forged', `a message of ${parsed.output.src} signed by ${keyId}`)
  return parsed.output
}

function checkAddress({ domain, type, src, dst, dstBoot, job }: Envelope, place: Topic, me: Pick<OpenerOptions, 'domain' | 'self' | 'boot'>): void {
  if (domain !== me.domain.id) throw refusal('foreign', `a message of the domain ${domain}`)
  if (dst !== '*' && dst !== me.self) throw refusal('not-for-me', `a message for ${dst}`)
  if (dst === me.self && dstBoot !== me.boot) throw refusal('other-boot', `a message for start ${dstBoot ?? 'of any number'} of this node`)
  const home = placeOf(type)
  const agrees = place.domain === domain && (home === undefined || home === place.is) && (place.is === 'inbox') === (dst !== '*')
  const subject = place.is === 'presence' ? place.node === src : place.is === 'inbox' ? place.node === dst : place.is === 'events' && place.job === job
  if (!agrees || !subject) throw refusal('topic-mismatch', `a ${type} of ${src} for ${dst} on the topic of ${place.is}`)
}

/** Where a type is said; undefined of one that is not known. */
function placeOf(type: string): Topic['is'] | undefined {
  if (!isType(type)) return undefined
  switch (type) {
    case 'node.presence':
    case 'node.gone':
      return 'presence'
    case 'task.progress':
      return 'events'
    default:
      return 'inbox'
  }
}

function checkTimes({ type, iat, exp }: Envelope, wall: number): void {
  if (exp < iat || exp - iat > maxAgeMs) throw refusal('bad-envelope', `it would hold for ${exp - iat} ms`)
  if (iat > wall + clockSkewMs) throw refusal('not-yet', `said ${iat - wall} ms ahead of this clock`)
  // A will is sealed when the connection begins and sent when it ends, days later. It only means: probe now.
  if (type !== 'node.gone' && exp < wall) throw refusal('expired', `ran out ${wall - exp} ms ago`)
}

function checkOnce(heard: ReturnType<ReturnType<typeof createReplay>['hear']>): void {
  switch (heard) {
    case 'fresh':
      return
    case 'replayed':
      throw refusal('replayed', 'heard before')
    case 'stale':
      throw refusal('stale-boot', 'from before the last start of its sender')
  }
}

function readMessage({ type, src, dst, job, term, boot, seq, iat, exp, body }: Envelope): Message {
  if (!isType(type)) throw refusal('unknown-type', `type "${type}"`)
  const parsed = v.safeParse(bodies[type], body)
  if (!parsed.success) throw refusal('bad-body', `${type}: ${issueOf(parsed.issues[0])}`)
  // The compiler cannot see that the body is that of the type: the table says it.
  return { type, src, dst, job, term, boot, seq, iat, exp, body: parsed.output } as Message
}

function isType(type: string): type is MessageType {
  return Object.hasOwn(bodies, type)
}

function issueOf(issue: v.BaseIssue<unknown>): string {
  return `${v.getDotPath(issue) ?? 'it'}: ${issue.message}`
}

/** Any failure of `read` is a refusal for this reason. */
function or<T>(reason: RefusalReason, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw refusal(reason, (cause as Error).message, cause)
  }
}
