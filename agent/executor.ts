/**
 * Runs what the queue gives: a folder for the attempt, a host for its code, the result checked and put into the outbox.
 * A lease that ran out, a cancel and a stop all arrive as the same signal, with the reason in it.
 */
import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { decode, encode } from '../src/core/cbor.ts'
import { codeOf, IpdcError, toFailure } from '../src/core/errors.ts'
import { type JobKind, maxTaskBytes, type NodeId, type Schema } from '../src/core/kind.ts'
import { type Kinds, kindByLabel } from '../src/core/kinds.ts'
import type { Log } from '../src/core/log.ts'
import type { Clock, Queue, Store } from '../src/core/ports.ts'
import type { Reader } from '../src/core/transfer/fetch.ts'
import { type Held, type Table, unpack } from './held.ts'
import { createService } from './hosts/serve.ts'
import type { Hosts, Progress } from './hosts/thread.ts'
import { pinOf } from './jobs.ts'
import type { Outbox } from './outbox.ts'
import type { Sender } from './sender.ts'

export interface ExecutorOptions {
  readonly self: NodeId
  readonly queue: Queue
  readonly table: Table
  readonly slots: number
  readonly hosts: Hosts
  readonly kinds: Kinds
  readonly outbox: Outbox
  readonly sender: Sender
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  /** Folders of attempts; emptied at start. */
  readonly scratch: string
  /** Folders that last as long as their job. */
  readonly states: string
  /** Reads through the holders that this coordinator knows. */
  readonly reader: (coordinator: NodeId) => Reader
  readonly progress: (held: Held, progress: Progress) => void
  /** A task was done in so many ms. */
  readonly took: (ms: number) => void
  /** An attempt has ended, one way or another. */
  readonly settled: (id: string) => void
}

export function createExecutor(options: ExecutorOptions) {
  const { queue, table, slots, kinds, outbox, sender, clock, log } = options
  const take = async (item: { id: string; data: Uint8Array }, signal: AbortSignal) => {
    const held = table.get(item.id) ?? table.add(unpack(item.data), 0)
    const { coordinator, job, term, task, attempt } = held
    const header = { job, term }
    const started = clock.now()
    const tasklog = log.child({ job, task, attempt })
    held.is = 'running'
    if (held.told === 'accepted') {
      held.told = 'started'
      sender.tell(coordinator, 'task.started', header, { task, attempt })
    }
    try {
      if (held.asks || held.until <= started) throw new IpdcError('CANCELLED', { message: 'The lease ran out before the attempt began' })
      const result = await run(held, kindByLabel(kinds, held.kind), signal, tasklog)
      options.took(clock.now() - started)
      await outbox.put({ is: 'done', coordinator, job, term, task, attempt, result, ms: Math.round(clock.now() - started) })
      tasklog.info({ ms: Math.round(clock.now() - started) }, 'task done')
    } catch (error) {
      tasklog.warn({ err: error }, 'task not done')
      if (signal.aborted || codeOf(error) === 'CANCELLED') sender.tell(coordinator, 'task.cancelled', header, { task, attempt, term })
      else await outbox.put({ is: 'failed', coordinator, job, term, task, attempt, error: toFailure(error), ms: Math.round(clock.now() - started) })
    } finally {
      table.remove(held.id)
      options.settled(held.id)
    }
  }

  const run = async (held: Held, kind: JobKind, signal: AbortSignal, tasklog: Log): Promise<Uint8Array> => {
    const { store, hosts, reader, self } = options
    const value = await checked(kind.schema.task, decode(held.body), 'task')
    if (kind.host(value) !== 'thread') throw new IpdcError('REFUSED', { message: `This node has no child host for ${held.kind}` })
    const scratch = join(options.scratch, createHash('sha256').update(held.id).digest('hex').slice(0, 24))
    const service = createService({
      task: value,
      scratch,
      states: join(options.states, held.job),
      pin: pinOf(held.job, held.coordinator),
      store,
      reader: reader(held.coordinator),
      signal,
    })
    try {
      const { job, task, attempt } = held
      const result = await hosts.run({
        assignment: { kind: held.kind, value, job, task, attempt, node: self, scratch },
        service,
        signal,
        log: tasklog,
        progress: (progress) => options.progress(held, progress),
      })
      const bytes = encode(await checked(kind.schema.result, result, 'result'))
      if (bytes.length > maxTaskBytes)
        throw new IpdcError('TOO_LARGE', {
          message: `The result of ${task} has ${bytes.length} bytes, at most ${maxTaskBytes} travel`,
          hint: 'Give large results as artifacts and name their CIDs',
        })
      return bytes
    } finally {
      service.close()
      // An attempt that was ended may have made it without a word.
      if (service.hasScratch || signal.aborted) await rm(scratch, { recursive: true, force: true })
    }
  }

  return { start: () => queue.take(take, slots) }
}

async function checked<T>(schema: Schema<T>, value: unknown, what: string): Promise<T> {
  const outcome = await schema['~standard'].validate(value)
  if (outcome.issues === undefined) return outcome.value
  throw new IpdcError('BAD_DATA', { message: `The ${what} does not have the form of its kind: ${outcome.issues[0]?.message ?? 'unknown'}` })
}
