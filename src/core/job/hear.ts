/** What nodes say, as events. Results are decoded and checked here, once: what is not of its schema is a failure of its attempt. */

import { decode } from '../cbor.ts'
import { cidsIn } from '../cids.ts'
import { toFailure } from '../errors.ts'
import type { JobKind } from '../kind.ts'
import type { Message, MessageOf } from '../wire/message.ts'
import { check } from './check.ts'
import type { Event, Ref, Said } from './event.ts'
import type { Result } from './state.ts'

export interface HearOptions {
  readonly apply: (event: Event) => void
  /** Of the job, if it is open here. */
  readonly kindOf: (job: string) => JobKind | undefined
  /** Whether a result of that task can still count: others are not worth a check. */
  readonly isWanted: (job: string, task: string) => boolean
}

export function createEar({ apply, kindOf, isWanted }: HearOptions): (message: Message) => void {
  return (message) => {
    const { src, boot, seq } = message
    switch (message.type) {
      case 'node.beat':
        apply({ is: 'beat', src, boot, seq, ...message.body })
        return
      case 'task.accepted':
      case 'task.started':
        apply({ is: message.type === 'task.started' ? 'started' : 'accepted', ...saidOf(message), term: message.term ?? 0, tasks: message.body.tasks })
        return
      case 'task.refused':
        apply({ is: 'refused', ...saidOf(message), term: message.term ?? 0, tasks: message.body.tasks })
        return
      case 'task.failed':
        apply({ is: 'failed', ...saidOf(message), tasks: message.body.tasks })
        return
      case 'task.cancelled':
        apply({ is: 'cancelled', ...saidOf(message), tasks: message.body.tasks })
        return
      case 'task.done':
        hearDone(message)
        return
      default:
      // Commands, presence and progress are for others.
    }
  }

  function hearDone(message: MessageOf<'task.done'>): void {
    const said = saidOf(message)
    const kind = kindOf(said.job)
    const checked = message.body.tasks.map((item) =>
      kind === undefined || !isWanted(said.job, item.task) ? { item, ...unread(item) } : { item, ...readResult(kind, item.result, item.ms) },
    )
    const now = checked.filter((each) => 'result' in each || 'error' in each)
    if (now.length === checked.length || now.length > 0) sayDone(said, now)
    for (const each of checked) if ('later' in each) void each.later.then((outcome) => sayDone(said, [{ item: each.item, ...outcome }]))
  }

  function sayDone(said: Said, checked: readonly ({ readonly item: Ref } & Read)[]): void {
    const good = checked.flatMap(({ item, ...read }) => ('result' in read ? [{ ...refOf(item), result: read.result }] : []))
    const bad = checked.flatMap(({ item, ...read }) => ('error' in read ? [{ ...refOf(item), error: toFailure(read.error), retry: 'elsewhere' as const }] : []))
    if (bad.length > 0) apply({ is: 'failed', ...said, tasks: bad })
    if (good.length > 0 || bad.length === 0) apply({ is: 'done', ...said, tasks: good })
  }
}

type Read = { readonly result: Result } | { readonly error: unknown }

/** A result as it came, or as the journal kept it. */
export function readResult(kind: JobKind, bytes: Uint8Array, ms: number): Read | { readonly later: Promise<Read> } {
  try {
    const value = check(kind.schema.result, decode(bytes), 'result')
    if (!(value instanceof Promise)) return { result: { bytes, value, cids: [...cidsIn(value)], ms } }
    return { later: value.then((value) => ({ result: { bytes, value, cids: [...cidsIn(value)], ms } })).catch((error: unknown) => ({ error })) }
  } catch (error) {
    return { error }
  }
}

function unread({ result: bytes, ms }: { readonly result: Uint8Array; readonly ms: number }): { readonly result: Result } {
  return { result: { bytes, value: undefined, cids: [], ms } }
}

function saidOf({
  src,
  boot,
  seq,
  job,
  body,
}: Pick<MessageOf<'task.done'>, 'src' | 'boot' | 'seq' | 'job'> & { readonly body: { readonly at: number; readonly free: number } }): Said {
  return { src, boot, seq, at: body.at, free: body.free, job: job ?? '' }
}

function refOf({ task, term, attempt }: Ref): Ref {
  return { task, term, attempt }
}
