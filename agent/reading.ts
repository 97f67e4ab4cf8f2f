/**
 * How this node finds bytes that it does not have: it asks the coordinator of the job who holds them, and fetches from those,
 * each request signed. Reads for its own jobs ask its own coordinator.
 */
import type { Cid } from '../src/core/cids.ts'
import type { Members } from '../src/core/cluster/members.ts'
import { IpdcError } from '../src/core/errors.ts'
import type { NodeId } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import type { Clock, Store } from '../src/core/ports.ts'
import { askHolders, createFetcher, type Fetcher, type Holder } from '../src/core/transfer/fetch.ts'
import { signRequest } from '../src/core/trust/request.ts'
import type { Membership } from './membership.ts'

/** Coordinators whose fetchers are kept. @default 64 */
const maxFetchers = 64
export interface ReadingOptions {
  readonly store: Store
  readonly members: Members
  readonly membership: Membership
  readonly clock: Clock
  readonly log: Log
  /** Who holds it, as this node's own coordinator knows. */
  readonly held: (cid: Cid) => NodeId[]
}

export function createReading({ store, members, membership, clock, log, held }: ReadingOptions) {
  const { identity, domain } = membership
  const fetchers = new Map<NodeId, Fetcher>()
  let dropped = 0

  const headers = (holder: Holder, method: string, path: string) =>
    signRequest({ method, path, dst: holder.node, domain, by: identity, certificate: membership.certificate, wall: clock.wall() })

  /** What is suspect answers its probe within milliseconds, or not at all. Others would not ask us if we were not here. */
  const isGone = (node: NodeId) => {
    const state = members.get(node)?.state
    return node !== identity.id && (state === 'suspect' || state === 'gone')
  }

  /**
   * What our own jobs know: undefined where nothing names it. A task's result lies where the task ran, and nowhere else for sure;
   * what no task made lies here, or it is only a part of something.
   */
  const own = async (cid: Cid): Promise<readonly Holder[] | undefined> => {
    const nodes = held(cid)
    if (nodes.length === 1 && nodes[0] === identity.id && !(await store.has(cid))) return undefined
    return nodes.flatMap((node) => {
      const url = members.get(node)?.addresses[0]
      return url === undefined || isGone(node) ? [] : [{ node, url }]
    })
  }

  const others = (holders: readonly Holder[] | undefined) => holders?.filter(({ node }) => node !== identity.id)

  const lookup = async (coordinator: NodeId, cid: Cid, signal: AbortSignal): Promise<readonly Holder[] | undefined> => {
    if (coordinator === identity.id) return others(await own(cid))
    const url = members.get(coordinator)?.addresses[0]
    if (url === undefined) throw new IpdcError('UNREACHABLE', { message: `The coordinator ${coordinator} has no address` })
    return others(await askHolders({ node: coordinator, url }, cid, { headers, signal }))
  }

  return {
    /** For the gateway: this node counts too, since others ask. */
    holders: own,
    fetcher(coordinator: NodeId): Fetcher {
      let fetcher = fetchers.get(coordinator)
      if (fetcher === undefined) {
        fetcher = createFetcher({
          store,
          holders: (cid, signal) => lookup(coordinator, cid, signal),
          headers,
          isGone,
          log: log.child({ room: 'fetch' }),
        })
        for (const [oldest, old] of fetchers) {
          if (fetchers.size < maxFetchers) break
          dropped += old.fetchedBytes
          fetchers.delete(oldest)
        }
        fetchers.set(coordinator, fetcher)
      }
      return fetcher
    },
    get fetchedBytes() {
      let sum = dropped
      for (const { fetchedBytes } of fetchers.values()) sum += fetchedBytes
      return sum
    },
  }
}
