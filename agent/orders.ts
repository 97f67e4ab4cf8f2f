/** Orders that come from other nodes: only an operator of the domain gives any. The node's own owner comes by the control socket. */
import type { IncomingHttpHeaders } from 'node:http'
import * as v from 'valibot'
import type { QueueOrder } from '../src/core/client/api.ts'
import { IpdcError } from '../src/core/errors.ts'
import { namePattern } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import type { Clock } from '../src/core/ports.ts'
import type { Certificate } from '../src/core/trust/certificate.ts'
import type { Domain } from '../src/core/trust/domain.ts'
import { createOnce } from '../src/core/trust/once.ts'
import { checkOrder } from '../src/core/trust/request.ts'
import type { Desk } from './desk.ts'
import { operatorRole } from './membership.ts'

const Order = v.variant('do', [
  v.strictObject({ do: v.picklist(['pause', 'resume']) }),
  v.strictObject({ do: v.literal('drop'), job: v.pipe(v.string(), v.regex(namePattern, 'the id of a job has small letters, digits and hyphens only')) }),
])

/** @throws BAD_DATA */
export function readOrder(value: unknown): QueueOrder {
  const read = v.safeParse(Order, value)
  if (read.success) return read.output
  throw new IpdcError('BAD_DATA', { message: `Not an order to a queue: ${read.issues[0].message}`, hint: 'ipdc node queue --help' })
}

export interface OrdersOptions {
  readonly self: string
  readonly boot: number
  readonly domain: Domain
  readonly certificates: (bytes: Uint8Array, wall: number) => Certificate
  readonly desk: Pick<Desk, 'carryOut'>
  readonly clock: Clock
  readonly log: Log
}

export interface Signed {
  readonly headers: IncomingHttpHeaders
  readonly method: string
  readonly path: string
  readonly body: Uint8Array
}

/** @throws NOT_MEMBER, BAD_SIGNATURE, REFUSED no operator; BAD_DATA, and what the desk throws */
export function createOrders({ self, boot, domain, certificates, desk, clock, log }: OrdersOptions) {
  const once = createOnce()
  return async ({ headers, ...signed }: Signed): Promise<unknown> => {
    const { node } = checkOrder(headers, { ...signed, self, boot, domain, certificates, once, admit, wall: clock.wall() })
    const order = readOrder(parse(signed.body))
    log.info({ from: node, ...order }, 'order')
    return desk.carryOut(order)
  }
}

function admit({ node, roles }: Certificate): void {
  if (roles.includes(operatorRole)) return
  throw new IpdcError('REFUSED', {
    message: `Node ${node} is no operator of this domain`,
    hint: 'Give the order on that machine itself, or on the one that founded the domain',
  })
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString())
  } catch (cause) {
    throw new IpdcError('BAD_DATA', { message: 'The order is not JSON', cause })
  }
}
