/**
 * How many tasks this node runs at once now, and where that is fewer than it was given, why. Pure: what was measured and what was
 * decided before go in, what is decided comes out.
 *
 * Memory and disk bound it by what a further task would need; other work on the machine by its share of the processors. Load is
 * what others use of them (`/proc/stat` less our own), not `/proc/pressure` or the load average: those count our own tasks as well,
 * so that a node would be scared of its own work. Load never takes the last slot: slow is better than never.
 * It falls at once and rises only after it could have for a while, so that it does not flap.
 */
import type { Ms } from '../src/core/kind.ts'
import type { Reason } from '../src/core/reasons.ts'

const MiB = 1 << 20
/** What a task is taken to need before one was measured, and at least: a thread of V8. @default 12 MiB */
export const leastTaskBytes = 12 * MiB
/** Kept free of memory: 5 % of it, within these. */
const leastSpareBytes = 8 * MiB
const mostSpareBytes = 256 * MiB
/** Kept free of disk for journal, queue and outbox. @default 64 MiB */
export const spareDiskBytes = 64 * MiB
/** Disk that a task is taken to need. @default 32 MiB */
export const taskDiskBytes = 32 * MiB
/** It rises after it could have for so long. @default 10_000 (ms) */
export const riseMs: Ms = 10_000
/** An outbox that was full is taken from again when it is down to this part. */
export const outboxLow = 0.75
/** Weight of the newest sample in a mean. */
const weight = 0.3

/** What is measured. Bytes that cannot be known are infinite. */
export interface Sample {
  readonly now: Ms
  /** Slots by configuration: never more. */
  readonly given: number
  readonly cores: number
  /** Processors that others used since the last sample: 0.5 is half of one. */
  readonly othersCores: number
  readonly memory: { readonly free: number; readonly total: number; readonly own: number }
  /** Free where store and queue lie: the smaller. */
  readonly diskFree: number
  readonly running: number
  readonly outbox: { readonly size: number; readonly limit: number }
  readonly isPaused: boolean
  readonly isDraining: boolean
  readonly isQueueBroken: boolean
}

/** What is remembered between two samples. */
export interface Past {
  readonly others: number
  /** What this process used with nothing to do, and what a task came to. */
  readonly idleBytes: number
  readonly taskBytes: number
  readonly slots: number
  readonly reason: Reason | undefined
  /** Since when it could be more, how many all that time, and what bounded it most. */
  readonly rise: { readonly since: Ms; readonly to: Bound } | undefined
  readonly isOutboxFull: boolean
}

export interface Slots {
  readonly slots: number
  /** Set where `slots` is fewer than given. */
  readonly reason: Reason | undefined
}

export function decide(past: Past | undefined, sample: Sample): Slots & { readonly past: Past } {
  const means = measure(past, sample)
  const bound = bounds(means, sample).reduce((least, other) => (other.slots < least.slots ? other : least))
  const next: Past = { ...means, ...settle(past, bound, sample) }
  const stop = stopped(next, sample)
  if (stop !== undefined) return { slots: 0, reason: stop, past: next }
  return { slots: next.slots, reason: next.reason, past: next }
}

/** What stops a node at once, and lets it go on at once. */
function stopped({ isOutboxFull }: Past, { isDraining, isPaused, isQueueBroken, given }: Sample): Reason | undefined {
  if (isDraining) return 'draining'
  if (isPaused) return 'paused'
  if (isQueueBroken) return 'queue broken'
  if (isOutboxFull) return 'outbox full'
  return given === 0 ? 'no slots' : undefined
}

type Means = Pick<Past, 'others' | 'idleBytes' | 'taskBytes' | 'isOutboxFull'>

function measure(past: Past | undefined, { othersCores, memory, running, outbox }: Sample): Means {
  // Of a first, short look little can be said.
  const before = past?.others ?? 0
  const others = before + weight * (othersCores - before)
  const idleBytes = running === 0 || past === undefined ? Math.min(memory.own, past?.idleBytes ?? memory.own) : past.idleBytes
  const seen = running > 0 ? Math.max(leastTaskBytes, (memory.own - idleBytes) / running) : (past?.taskBytes ?? leastTaskBytes)
  const taskBytes = past === undefined ? seen : past.taskBytes + weight * (seen - past.taskBytes)
  const isOutboxFull = outbox.size >= (past?.isOutboxFull === true ? outbox.limit * outboxLow : outbox.limit)
  return { others, idleBytes, taskBytes, isOutboxFull }
}

interface Bound {
  readonly slots: number
  readonly reason: Reason | undefined
}

function bounds({ others, taskBytes }: Means, { given, cores, memory, diskFree, running }: Sample): [Bound, ...Bound[]] {
  const spare = Math.min(mostSpareBytes, Math.max(leastSpareBytes, memory.total * 0.05))
  const more = Math.floor((memory.free - spare) / taskBytes)
  // With nothing running one is tried by what a task needs at least: what was measured once is not to shut a small board for ever.
  const first = running === 0 && memory.free - spare >= leastTaskBytes ? 1 : 0
  // More slots than processors were given by somebody who knows why: others take their part of those as well.
  const left = (Math.max(given, cores) * Math.max(0, cores - others)) / cores
  return [
    { slots: given, reason: undefined },
    { slots: Math.max(0, Math.floor((diskFree - spareDiskBytes) / taskDiskBytes)), reason: 'disk' },
    { slots: Math.max(first, running + more, 0), reason: 'memory' },
    // A tenth of a slot is noise.
    { slots: Math.max(1, Math.ceil(left - 0.1)), reason: 'load' },
  ]
}

function settle(past: Past | undefined, { slots, reason }: Bound, { now, given }: Sample): Pick<Past, 'slots' | 'reason' | 'rise'> {
  if (past === undefined || slots <= past.slots || past.slots > given) return { slots, reason, rise: undefined }
  const bound = past.rise !== undefined && past.rise.to.slots <= slots ? past.rise.to : { slots, reason }
  const since = past.rise?.since ?? now
  if (now - since < riseMs) return { slots: past.slots, reason: past.reason, rise: { since, to: bound } }
  return { ...bound, rise: undefined }
}
