/**
 * What this node asks of the others, and orders them, by their gateways: how full they are, what their queue holds, pause, resume,
 * drop. Each word is signed; each answer has a schema.
 */
import * as v from 'valibot'
import type { NodeStatus, QueueEntry, QueueOrder } from '../src/core/client/api.ts'
import type { Members, Node } from '../src/core/cluster/members.ts'
import { IpdcError } from '../src/core/errors.ts'
import { type Ms, type NodeId, namePattern } from '../src/core/kind.ts'
import type { Clock } from '../src/core/ports.ts'
import { isReason } from '../src/core/reasons.ts'
import { exchange } from '../src/core/transfer/exchange.ts'
import { signRequest } from '../src/core/trust/request.ts'
import { TaskName } from '../src/core/wire/message.ts'
import type { Membership } from './membership.ts'

/** A node that does not tell how it is within it counts as one that cannot be asked. @default 1_000 (ms) */
const statusMs: Ms = 1_000
/** Nodes asked at once; and all together within. @default 32, 3_000 (ms) */
const maxAsked = 32
const allMs: Ms = 3_000
/** @default 5_000 (ms) */
const orderMs: Ms = 5_000

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const name = v.pipe(v.string(), v.regex(namePattern))

const Status = v.object({
  node: name,
  now: count,
  slots: count,
  reason: v.exactOptional(v.pipe(v.string(), v.maxLength(32))),
  queue: v.object({ use: v.pipe(v.string(), v.maxLength(32)), waiting: count, running: count, limit: count }),
})

const Entries = v.pipe(
  v.array(
    v.object({
      job: name,
      stage: name,
      task: TaskName,
      attempt: count,
      is: v.picklist(['waiting', 'running']),
      coordinator: name,
      seconds: v.pipe(v.number(), v.minValue(0)),
    }),
  ),
  v.maxLength(10_000),
)

const Done = v.object({ dropped: count })

export interface AskingOptions {
  readonly members: Pick<Members, 'get'>
  readonly membership: Pick<Membership, 'domain' | 'identity' | 'certificate'>
  readonly clock: Clock
}

export function createAsking({ members, membership, clock }: AskingOptions) {
  const { identity, domain } = membership

  async function speak(node: Node, method: 'GET' | 'POST', path: string, timeoutMs: Ms, order?: unknown, signal?: AbortSignal): Promise<unknown> {
    const [url] = node.addresses
    if (url === undefined) throw new IpdcError('UNREACHABLE', { message: `${node.name} has no address` })
    const body = order === undefined ? undefined : Buffer.from(JSON.stringify(order))
    const headers = signRequest({
      method,
      path,
      dst: node.id,
      domain,
      by: identity,
      certificate: membership.certificate,
      wall: clock.wall(),
      ...(body === undefined ? {} : { order: { body, boot: node.boot } }),
    })
    return exchange(
      { node: node.id, url },
      { method, path, headers, timeoutMs, ...(body === undefined ? {} : { body }), ...(signal === undefined ? {} : { signal }) },
    )
  }

  function knownNode(id: NodeId): Node {
    const node = members.get(id)
    if (node === undefined) throw new IpdcError('NOT_FOUND', { message: `No node ${id} in this domain`, hint: 'ipdc node list' })
    if (node.state === 'gone') throw new IpdcError('UNREACHABLE', { message: `${node.name} is gone`, hint: 'ipdc node list' })
    return node
  }

  async function status(node: Node, signal: AbortSignal): Promise<NodeStatus | undefined> {
    try {
      const { reason, ...told } = v.parse(Status, await speak(node, 'GET', '/status', statusMs, undefined, signal))
      return told.node === node.id ? { ...told, ...(isReason(reason) ? { reason } : {}) } : undefined
    } catch {
      // Its presence is what is left to tell.
      return undefined
    }
  }

  return {
    /** Of those that answer in time. */
    async statuses(nodes: readonly Node[]): Promise<ReadonlyMap<NodeId, NodeStatus>> {
      const found = new Map<NodeId, NodeStatus>()
      const signal = AbortSignal.timeout(allMs)
      const left = [...nodes]
      const one = async () => {
        for (let node = left.shift(); node !== undefined && !signal.aborted; node = left.shift()) {
          const told = await status(node, signal)
          if (told !== undefined) found.set(node.id, told)
        }
      }
      await Promise.all(Array.from({ length: Math.min(maxAsked, left.length) }, one))
      return found
    },
    /** @throws NOT_FOUND, UNREACHABLE, REFUSED, BAD_DATA */
    async queue(id: NodeId): Promise<QueueEntry[]> {
      return checked(Entries, await speak(knownNode(id), 'GET', '/queue', orderMs), id)
    },
    /** @throws as above */
    async order(id: NodeId, order: QueueOrder): Promise<{ readonly dropped: number }> {
      return checked(Done, await speak(knownNode(id), 'POST', '/queue', orderMs, order), id)
    },
  }
}

export type Asking = ReturnType<typeof createAsking>

function checked<T>(schema: v.GenericSchema<unknown, T>, value: unknown, id: NodeId): T {
  const read = v.safeParse(schema, value)
  if (read.success) return read.output
  throw new IpdcError('BAD_DATA', { message: `${id} does not answer as a node of ipdc: ${v.getDotPath(read.issues[0]) ?? ''} ${read.issues[0].message}` })
}
