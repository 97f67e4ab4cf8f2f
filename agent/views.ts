/** What a client sees of this agent and of its domain. */
import type { AgentView, NodeStatus, NodeView } from '../src/core/client/api.ts'
import type { Members } from '../src/core/cluster/members.ts'
import type { NodeId } from '../src/core/kind.ts'
import type { Clock, Queue, Store } from '../src/core/ports.ts'
import { isReason } from '../src/core/reasons.ts'
import type { Asking } from './asking.ts'
import type { Connection } from './connection.ts'
import type { Health } from './health.ts'
import type { Membership } from './membership.ts'
import type { Outbox } from './outbox.ts'
import { version } from './version.ts'

export interface ViewsOptions {
  readonly home: string
  readonly name: string
  readonly membership: Membership
  readonly throwAway: boolean
  readonly connection: Connection
  readonly gateway: { readonly url: string; readonly servedBytes: number }
  readonly fetchedBytes: () => number
  readonly queue: Queue
  readonly store: Store
  readonly outbox: Outbox
  readonly health: Health
  readonly refused: Readonly<Record<string, number>>
  readonly sent: Readonly<Record<string, number>>
  readonly openJobs: () => number
  readonly members: Members
  readonly clock: Clock
  /** Of this node. */
  readonly status: () => NodeStatus
  readonly asking: Pick<Asking, 'statuses'>
}

export function createViews(options: ViewsOptions) {
  const { members, clock, membership, connection } = options
  const self: NodeId = membership.identity.id
  const startedAt = clock.now()

  const agent = async (): Promise<AgentView> => {
    const [info, usage, queue] = await Promise.all([options.store.info(), options.store.usage(), options.queue.info()])
    const { status: queueStatus, size } = options.queue
    const { status } = connection.broker
    return {
      version,
      pid: process.pid,
      home: options.home,
      node: self,
      name: options.name,
      domain: { id: membership.domain.id, name: membership.domain.name, throwAway: options.throwAway },
      broker: {
        is: status.is,
        url: connection.url,
        ...(status.is === 'down' ? { cause: status.cause } : {}),
        ...(connection.serves ? { serving: connection.url } : {}),
      },
      gateway: { url: options.gateway.url, servedBytes: options.gateway.servedBytes, fetchedBytes: options.fetchedBytes() },
      queue: { ...queue, ...size, ...(queueStatus.is === 'down' ? { down: queueStatus.error } : {}) },
      store: { use: info.use, path: info.path, ...usage },
      outbox: options.outbox.size,
      refused: options.refused,
      messages: { sent: options.sent, received: options.health.received },
      loopMaxMs: options.health.loopMaxMs,
      openJobs: options.openJobs(),
      upSeconds: Math.round((clock.now() - startedAt) / 1000),
    }
  }

  /** With `asks`, each tells how it is just now, if it answers. */
  const nodes = async (asks: boolean): Promise<NodeView[]> => {
    const others = asks ? members.list().filter(({ id, state }) => id !== self && state !== 'gone') : []
    const [own, told] = await Promise.all([agent(), options.asking.statuses(others)])
    const tells = (id: NodeId) => (id === self ? options.status() : told.get(id))
    return members
      .list()
      .map(({ id, name, state, addresses, slots, now = slots, reason, room, kinds, labels, engines, memory, version, boot, seenAt }) => ({
        id,
        name,
        self: id === self,
        state,
        addresses,
        slots,
        now,
        ...(isReason(reason) ? { reason } : {}),
        ...newest(tells(id)),
        room,
        kinds,
        labels,
        engines,
        memory,
        version,
        boot,
        seenSeconds: id === self ? 0 : Math.round((clock.now() - seenAt) / 1000),
        ...(id === self ? { agent: own } : {}),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  return { agent, nodes }
}

/** Its own word counts for more than its presence, also where it says that nothing holds it back any more. */
function newest(told: NodeStatus | undefined): Pick<NodeView, 'now' | 'slots' | 'queue' | 'reason'> | undefined {
  if (told === undefined) return undefined
  const { now, slots, queue, reason } = told
  return { now, slots, queue, reason }
}
