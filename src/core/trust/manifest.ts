/**
 * What the submitter signs: a job's code, input and limits. It travels unchanged in every offer, and the node that runs the
 * tasks checks it: a coordinator can delay a job, it cannot invent one.
 */
import * as v from 'valibot'
import { decode, encode } from '../cbor.ts'
import { isCid } from '../cids.ts'
import { IpdcError } from '../errors.ts'
import { namePattern } from '../kind.ts'
import type { Identity } from './identity.ts'
import { open, seal } from './signed.ts'

/** A sealed manifest, at most. @default 16_384 (bytes) */
export const maxManifestBytes = 16_384

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const name = v.pipe(v.string(), v.regex(namePattern))
const cid = v.pipe(v.string(), v.check(isCid, 'not a CID'))

export const Manifest = v.strictObject({
  domain: name,
  job: name,
  /** Label of the kind: `mr@1`. */
  kind: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,62}@[0-9]{1,6}$/)),
  /** The submitter: the node whose key signs. */
  node: name,
  /** A job with code of its own. */
  code: v.exactOptional(cid),
  args: v.exactOptional(cid),
  /** What one attempt may use; none: what the node's own rules say. */
  limits: v.strictObject({
    wallMs: v.exactOptional(count),
    cpuMs: v.exactOptional(count),
    /** Bytes. */
    memory: v.exactOptional(count),
    disk: v.exactOptional(count),
  }),
  permissions: v.strictObject({
    /** Hosts that its code may reach. @default none */
    net: v.exactOptional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(253))), v.maxLength(64))),
  }),
  /** Wall clock, ms: no task of it starts later. */
  notAfter: count,
})

export type Manifest = Readonly<v.InferOutput<typeof Manifest>>

/** @throws USAGE not the signer's own manifest, BAD_DATA, TOO_LARGE */
export function signManifest(manifest: Manifest, by: Identity): Uint8Array {
  if (manifest.node !== by.id) throw new IpdcError('USAGE', { message: `A manifest of ${manifest.node} cannot be signed by ${by.id}` })
  const bytes = seal('manifest', encode(parsed(manifest)), by)
  if (bytes.length > maxManifestBytes)
    throw new IpdcError('TOO_LARGE', { message: `Manifest of ${bytes.length} bytes where at most ${maxManifestBytes} are taken` })
  return bytes
}

/** `keyOf` gives the public key of a member. @throws NOT_MEMBER, BAD_SIGNATURE not by the submitter it names, BAD_DATA, TOO_LARGE */
export function readManifest(bytes: Uint8Array, keyOf: (node: string) => Uint8Array | undefined): Manifest {
  const { keyId, payload } = open(bytes, 'manifest', keyOf, maxManifestBytes)
  const manifest = parsed(decode(payload))
  if (manifest.node !== keyId) throw new IpdcError('BAD_SIGNATURE', { message: `A manifest of ${manifest.node} is signed by ${keyId}` })
  return manifest
}

function parsed(value: unknown): Manifest {
  const result = v.safeParse(Manifest, value)
  if (!result.success) throw new IpdcError('BAD_DATA', { message: `Not a manifest: ${v.getDotPath(result.issues[0]) ?? ''} ${result.issues[0].message}` })
  return result.output
}
