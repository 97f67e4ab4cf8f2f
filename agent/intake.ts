/**
 * From offer to queue: who sends it, what was signed, whether this node wants it and has room. What does not pass is refused
 * with a code; a message that comes twice is answered twice and held once.
 */

import { IpdcError, toFailure } from '../src/core/errors.ts'
import { marginMs, untilOf } from '../src/core/job/lease.ts'
import type { Failure, Ms, NodeId } from '../src/core/kind.ts'
import { type Kinds, kindByLabel } from '../src/core/kinds.ts'
import type { Log } from '../src/core/log.ts'
import type { Clock, Queue } from '../src/core/ports.ts'
import { type Reason, reasons } from '../src/core/reasons.ts'
import type { Manifest } from '../src/core/trust/manifest.ts'
import type { MessageOf } from '../src/core/wire/message.ts'
import { type Held, idOf, pack, type Table } from './held.ts'
import type { Jobs } from './jobs.ts'
import type { Outbox } from './outbox.ts'
import type { Sender } from './sender.ts'

type Offered = MessageOf<'task.offer'>

export interface IntakeOptions {
  readonly table: Table
  readonly queue: Queue
  readonly outbox: Outbox
  /** Told of what was taken, so that it is cleaned up after. */
  readonly jobs: Pick<Jobs, 'heard'>
  readonly sender: Sender
  /** Of this start: a command that was meant for another gives no lease. */
  readonly boot: number
  readonly kinds: Kinds
  readonly clock: Clock
  readonly log: Log
  /** Why this node takes nothing, where it does not. */
  readonly closed?: () => Reason | undefined
  /** Signature, domain, policy. @throws REFUSED and others, with the reason */
  readonly check: (manifest: Uint8Array, coordinator: NodeId) => Manifest
}

const tooLate: Failure = { code: 'TOO_LATE', message: 'The offer was too old when it came, or did not show its age' }

export function createIntake({ table, queue, outbox, jobs, sender, boot, kinds, clock, log, check, closed = () => undefined }: IntakeOptions) {
  let isDraining = false

  const offer = async (message: Offered): Promise<void> => {
    const { src: coordinator, body, job = '', term = 0 } = message
    const header = { job, term }
    let kind: string
    try {
      const manifest = check(body.manifest, coordinator)
      if (manifest.job !== job) throw new IpdcError('REFUSED', { message: `The manifest is of job ${manifest.job}, the offer of ${job}` })
      kindByLabel(kinds, manifest.kind)
      kind = manifest.kind
    } catch (error) {
      log.warn({ job, coordinator, err: error }, 'offer refused')
      for (const { task, attempt } of body.tasks) sender.tell(coordinator, 'task.refused', header, { task, attempt, error: toFailure(error) })
      return
    }
    const { pure } = body
    const until = leaseOf(body)
    const taking: Promise<void>[] = []
    for (const { task, attempt, stage, body: bytes } of body.tasks) {
      const offered = { coordinator, job, term, task, attempt, stage, pure, kind, body: bytes }
      const again = table.get(idOf(offered))
      if (again !== undefined) report(again)
      else if (outbox.sendAgain(idOf(offered))) continue
      else if (until === undefined) sender.tell(coordinator, 'task.refused', header, { task, attempt, error: tooLate })
      else taking.push(take(table.add(offered, until)))
    }
    // At once: what comes in one message goes to the disk in one step.
    await Promise.all(taking)
  }

  /** One that does not tell its age may be of any: what may run twice begins all the same. */
  const leaseOf = ({ from, leaseMs, pure }: Offered['body']): Ms | undefined => {
    const now = clock.now()
    return pure && from === undefined ? now + leaseMs - marginMs : untilOf({ boot, at: now }, from, leaseMs)
  }

  const take = async (held: Held) => {
    const why = isDraining ? 'draining' : closed()
    const answer = why !== undefined ? 'full' : await put(held)
    if (answer === 'accepted') {
      jobs.heard(held.job, held.coordinator)
      // A fast task may have ended by now, and said so.
      if (table.get(held.id) === held && held.told === 'nothing') report(held)
      return
    }
    table.remove(held.id)
    const { job, term, task, attempt, coordinator } = held
    const message = why !== undefined ? `This node takes no new tasks: ${reasons[why]}` : `The queue of this node is full (${queue.size.limit})`
    const error = typeof answer === 'object' ? answer : { code: 'QUEUE_FULL', message }
    sender.tell(coordinator, 'task.refused', { job, term }, { task, attempt, error })
  }

  /** What cannot be kept is not taken: the queue says itself, in the log, that it is down. */
  const put = async (held: Held): Promise<'accepted' | 'full' | Failure> => {
    try {
      return await queue.add({ id: held.id, data: pack(held) })
    } catch (error) {
      return toFailure(error)
    }
  }

  const report = (held: Held) => {
    const { coordinator, job, term, task, attempt } = held
    held.told = held.is === 'running' ? 'started' : 'accepted'
    sender.tell(coordinator, held.is === 'running' ? 'task.started' : 'task.accepted', { job, term }, { task, attempt })
  }

  return {
    offer,
    drain() {
      isDraining = true
    },
  }
}
