/**
 * The signed manifest of an open job, which every offer carries. It holds for a while only, so that no offer of an old job starts anything;
 * it is signed anew when half of that is over, or when the clock was set, so that a job may stay open for as long as it takes.
 */
import type { JobId, Ms } from '../kind.ts'

/** @default 30 days (ms) */
export const manifestMs: Ms = 30 * 24 * 3_600_000

/** What the agent signs for a job; it adds domain, submitter, limits and permissions. */
export interface ManifestFields {
  readonly job: JobId
  /** Label: `mr@1`. */
  readonly kind: string
  /** Wall clock, ms. */
  readonly notAfter: Ms
}

export interface ManifestOptions {
  readonly job: JobId
  readonly kind: string
  readonly sign: (fields: ManifestFields) => Uint8Array
  readonly wall: () => Ms
}

/** The manifest as of now. */
export function createManifest({ job, kind, sign, wall }: ManifestOptions): () => Uint8Array {
  const signNow = () => ({ at: wall(), bytes: sign({ job, kind, notAfter: wall() + manifestMs }) })
  let signed = signNow()
  return () => {
    if (Math.abs(wall() - signed.at) > manifestMs / 2) signed = signNow()
    return signed.bytes
  }
}
