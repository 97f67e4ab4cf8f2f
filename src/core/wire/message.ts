/**
 * What nodes say to each other, as schemas. An envelope carries one message: one type, about one job where the type has one,
 * for up to 64 tasks. Commands go from a coordinator to a node, facts from a node to a coordinator.
 * Every message is idempotent: hearing it twice is hearing it once.
 */
import * as v from 'valibot'
import { maxTaskBytes, namePattern } from '../kind.ts'

/** Tasks in one message, at most. */
export const maxBatch = 64
/** A sealed message, at most. @default 65_536 (bytes) */
export const maxMessageBytes = 65_536

const bytes = (max: number) =>
  v.pipe(
    v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'not bytes'),
    v.maxLength(max),
  )
const text = (max: number) => v.pipe(v.string(), v.maxLength(max))
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const name = v.pipe(v.string(), v.regex(namePattern))
const batch = <const S extends v.GenericSchema>(item: S) => v.pipe(v.array(item), v.minLength(1), v.maxLength(maxBatch))

/** A task's name within its job: `stage/id`, `stage/hash` or `stage/hash~2`. Without control characters: it goes into files, logs and terminals. */
export const TaskName = v.pipe(v.string(), v.minLength(1), v.maxLength(200), v.regex(/^[^\p{Cc}\p{Cs}]*$/u))
export const Failure = v.strictObject({ code: text(64), message: text(2000), hint: v.exactOptional(text(500)), cid: v.exactOptional(text(64)) })
const Ref = { task: TaskName, attempt: count }

/** `free`: slots and queue places this node promises to this coordinator; sums over coordinators to its free room. `at`: its own monotonic ms since its start. */
const Word = { free: count, at: count }
/** A time that a node told, on its own clock, in its start `boot`: leases count from it. */
const Moment = v.strictObject({ boot: count, at: count })

export const bodies = {
  // --- commands
  'task.offer': v.strictObject({
    /** Signed by the submitter, checked by the node that runs it. */
    manifest: bytes(16_384),
    leaseMs: count,
    /** What time it was at the node when this was said, at least. Absent: its coordinator does not know. */
    from: v.exactOptional(Moment),
    /** May run twice at once, and to its end without a lease. */
    pure: v.boolean(),
    tasks: batch(v.strictObject({ ...Ref, stage: name, body: bytes(maxTaskBytes) })),
  }),
  'task.cancel': v.strictObject({ tasks: batch(v.strictObject({ ...Ref, term: count })), why: text(200) }),
  /** Renews what the coordinator knows of a beat and says which results it has on disk: those leave the outbox. */
  'lease.grant': v.strictObject({
    leaseMs: count,
    /** When the node said the beat that this answers. Absent where `held` is empty. */
    from: v.exactOptional(Moment),
    held: v.pipe(v.array(v.strictObject({ ...Ref, job: name, term: count })), v.maxLength(256)),
    noted: v.pipe(v.array(v.strictObject({ ...Ref, job: name, term: count })), v.maxLength(256)),
  }),
  'job.close': v.strictObject({ how: v.picklist(['done', 'failed', 'cancelled', 'unknown']), root: v.exactOptional(text(64)) }),
  // --- facts
  'task.accepted': v.strictObject({ ...Word, tasks: batch(v.strictObject(Ref)) }),
  /** Costs no attempt when the node was full. */
  'task.refused': v.strictObject({ ...Word, tasks: batch(v.strictObject({ ...Ref, error: Failure })) }),
  /** Implies accepted: sent instead of it when a slot was free at once. */
  'task.started': v.strictObject({ ...Word, tasks: batch(v.strictObject(Ref)) }),
  'task.done': v.strictObject({ ...Word, tasks: batch(v.strictObject({ ...Ref, term: count, result: bytes(maxTaskBytes), ms: count })) }),
  'task.failed': v.strictObject({ ...Word, tasks: batch(v.strictObject({ ...Ref, term: count, error: Failure, ms: count })) }),
  'task.cancelled': v.strictObject({ ...Word, tasks: batch(v.strictObject({ ...Ref, term: count })) }),
  /** All that the node holds of this coordinator's jobs, and its room. In several messages where it is more: `more` on all but the last. */
  'node.beat': v.strictObject({
    ...Word,
    more: v.boolean(),
    /** Attempts that wait or run. `kept`: it survived a restart of the node, which knows of no right to run it. */
    held: v.pipe(
      v.array(v.strictObject({ ...Ref, job: name, term: count, is: v.picklist(['waiting', 'running']), kept: v.exactOptional(v.literal(true)) })),
      v.maxLength(256),
    ),
    /** Ends in the outbox, not noted yet: they are sent again as `task.done` and `task.failed`. */
    done: v.pipe(v.array(v.strictObject({ ...Ref, job: name, term: count })), v.maxLength(256)),
    /** Jobs that this node still keeps data of and has not heard of for long: the coordinator answers `job.close` for those that are over. */
    asks: v.pipe(v.array(name), v.maxLength(64)),
  }),
  // --- presence
  'node.presence': v.strictObject({
    certificate: bytes(2048),
    name: text(63),
    state: v.picklist(['up', 'draining']),
    /** Base URLs of the gateway. */
    addresses: v.pipe(v.array(text(200)), v.maxLength(8)),
    slots: count,
    /** Of these, at once now: fewer where memory, disk, other work or a person says so. @default slots */
    now: v.exactOptional(count),
    /** Why they are fewer, in a word of `reasons`; one that is not known counts as none. */
    reason: v.exactOptional(text(32)),
    /** Tasks it takes at once, waiting and running. */
    room: count,
    /** Labels of kinds: `mr@1`. */
    kinds: v.pipe(v.array(text(70)), v.maxLength(64)),
    labels: v.pipe(v.array(text(130)), v.maxLength(64)),
    engines: v.pipe(v.array(text(63)), v.maxLength(16)),
    /** Bytes of memory of the machine. */
    memory: count,
    version: text(40),
    /** Open jobs that it coordinates: after a restart, it waits to hear what is held of them. */
    jobs: count,
  }),
  /** The will: the connection of this boot died, or (`closed`) the agent went in good order. Only means: probe now. */
  'node.gone': v.strictObject({ certificate: bytes(2048), closed: v.boolean() }),
  // --- job events, QoS 0
  'task.progress': v.strictObject({
    tasks: batch(v.strictObject({ ...Ref, fraction: v.pipe(v.number(), v.minValue(0), v.maxValue(1)), note: v.exactOptional(text(200)) })),
  }),
} as const

export type MessageType = keyof typeof bodies
export type Body<T extends MessageType> = v.InferOutput<(typeof bodies)[T]>

/** A message that was opened: its envelope's fields hold, its body is of its schema. */
export type Message = { [T in MessageType]: MessageOf<T> }[MessageType]

export interface MessageOf<T extends MessageType> {
  readonly type: T
  readonly src: string
  /** Node id, or `*` for presence and events. */
  readonly dst: string
  readonly job: string | undefined
  readonly term: number | undefined
  /** Number of the sender's start, and of the message within it. */
  readonly boot: number
  readonly seq: number
  readonly iat: number
  readonly exp: number
  readonly body: Body<T>
}

export type NodePresence = Body<'node.presence'>
