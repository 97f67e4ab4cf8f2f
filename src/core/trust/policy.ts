/** Whose jobs this node runs. The submitter counts, whoever coordinates: the manifest was checked to be signed by it. */
import type { Failure, NodeId } from '../kind.ts'
import type { Domain } from './domain.ts'
import type { Manifest } from './manifest.ts'

/** `domain`: of any member. `mine`: only of this node's own. */
export type Policy = 'domain' | 'mine'

export interface Host {
  readonly self: NodeId
  readonly domain: Pick<Domain, 'id'>
  /** Now, in ms since 1970. */
  readonly wall: number
}

/** True, or why not: a refusal that another node may not share. */
export function allows(policy: Policy, manifest: Manifest, { self, domain, wall }: Host): true | Failure {
  if (manifest.domain !== domain.id) return refused(`The job is of the domain ${manifest.domain}, this node of ${domain.id}`)
  if (manifest.notAfter < wall) return refused(`The job's manifest ran out at ${new Date(manifest.notAfter).toISOString()}`)
  // Foreign code runs in a box or not at all, and this version has no box.
  if (manifest.code !== undefined) return refused('This node does not run code that a job brings')
  switch (policy) {
    case 'domain':
      return true
    case 'mine':
      return manifest.node === self ? true : refused(`This node runs its own jobs only, not those of ${manifest.node}`)
  }
}

function refused(message: string): Failure {
  return { code: 'REFUSED', message }
}
