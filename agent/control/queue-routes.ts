/** What clients ask of queues: of this node's, and, by way of this node, of the others'. */
import { IpdcError } from '../../src/core/errors.ts'
import type { NodeId } from '../../src/core/kind.ts'
import type { Asking } from '../asking.ts'
import type { Desk } from '../desk.ts'
import { readOrder } from '../orders.ts'
import type { Route } from './server.ts'

export interface QueueRoutesOptions {
  readonly self: NodeId
  readonly desk: Pick<Desk, 'list' | 'carryOut'>
  readonly asking: Pick<Asking, 'queue' | 'order'>
}

export function queueRoutes({ self, desk, asking }: QueueRoutesOptions): Route[] {
  const path = /^\/v1\/nodes\/([^/]+)\/queue$/
  return [
    { method: 'GET', path, answer: async ({ params }) => ({ json: idOf(params) === self ? await desk.list() : await asking.queue(idOf(params)) }) },
    {
      method: 'POST',
      path,
      async answer({ params, json }) {
        const order = readOrder(await json())
        return { json: idOf(params) === self ? await desk.carryOut(order) : await asking.order(idOf(params), order) }
      },
    },
  ]
}

function idOf([id]: readonly string[]): NodeId {
  if (id === undefined) throw new IpdcError('USAGE', { message: 'No node given' })
  return id
}
