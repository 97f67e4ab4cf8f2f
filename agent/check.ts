/** Whether this node runs a job: its manifest is signed by its submitter, and this node's own policy allows it. The coordinator's word is not enough. */
import { fromFailure } from '../src/core/errors.ts'
import type { NodeId } from '../src/core/kind.ts'
import type { Clock } from '../src/core/ports.ts'
import type { Domain } from '../src/core/trust/domain.ts'
import { type Manifest, readManifest } from '../src/core/trust/manifest.ts'
import { allows, type Policy } from '../src/core/trust/policy.ts'

export interface CheckOptions {
  readonly policy: Policy
  readonly self: NodeId
  readonly domain: Domain
  readonly keyOf: (node: NodeId) => Uint8Array | undefined
  readonly clock: Clock
}

/** Manifests that were seen to be signed; the same one comes with every offer of its job. @default 256 */
const maxKept = 256

/** @throws NOT_MEMBER, BAD_SIGNATURE, BAD_DATA, REFUSED with the reason */
export function createCheck({ policy, self, domain, keyOf, clock }: CheckOptions): (bytes: Uint8Array) => Manifest {
  const kept = new Map<string, Manifest>()
  return (bytes) => {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    let manifest = kept.get(key)
    if (manifest === undefined) {
      manifest = readManifest(bytes, keyOf)
      for (const oldest of kept.keys()) {
        if (kept.size < maxKept) break
        kept.delete(oldest)
      }
      kept.set(key, manifest)
    }
    const allowed = allows(policy, manifest, { self, domain, wall: clock.wall() })
    if (allowed !== true) throw fromFailure(allowed)
    return manifest
  }
}
