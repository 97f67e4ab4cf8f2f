/** Every error that ipdc reports: one class, one table. An error is recognised by its code, never by its class or message. */
import type { Failure } from './kind.ts'

interface Row {
  /** What a coordinator does with a task that failed so: try another node, the same again later, or give up. */
  readonly retry: 'elsewhere' | 'later' | 'never'
  /** Exit status of a command that ends with it. */
  readonly exit: number
  readonly about: string
}

export const errors = {
  USAGE: { retry: 'never', exit: 2, about: 'The command line, or a call, is not of the form it should have' },
  NOT_OFFERED: { retry: 'never', exit: 2, about: 'A named option or member that this version does not offer yet' },
  BAD_DATA: { retry: 'never', exit: 65, about: 'Data from outside does not have the form it should have' },
  BAD_CONFIG: { retry: 'never', exit: 65, about: 'A configuration value is not usable' },
  BAD_BLOCK: { retry: 'elsewhere', exit: 65, about: 'Bytes do not hash to the address they were given under' },
  BAD_PATH: { retry: 'never', exit: 65, about: 'A name from a tree would leave its folder, or is not a usable name' },
  BAD_TOPIC: { retry: 'never', exit: 65, about: 'A name cannot be part of a topic' },
  TOO_LARGE: { retry: 'never', exit: 65, about: 'Something is larger than the bound set for it' },
  NO_INPUT: { retry: 'never', exit: 66, about: 'An input file, folder or address does not exist or cannot be read' },
  NOT_FOUND: { retry: 'later', exit: 66, about: 'No block, job, node or file of that name' },
  INPUT_LOST: { retry: 'later', exit: 69, about: 'No holder of an input could be reached; the task that made it runs again' },
  NO_AGENT: { retry: 'never', exit: 69, about: 'The agent of this home could not be reached' },
  NO_BROKER: { retry: 'later', exit: 69, about: 'The MQTT broker could not be reached' },
  NO_QUEUE: { retry: 'later', exit: 69, about: 'The Redis or Valkey server of a queue could not be reached' },
  NO_NODES: { retry: 'later', exit: 69, about: 'No member of the domain can run this kind of task' },
  NODE_LOST: { retry: 'elsewhere', exit: 69, about: 'The node that ran the attempt is gone, or its lease ran out' },
  UNREACHABLE: { retry: 'later', exit: 69, about: 'Another node could not be reached' },
  IO: { retry: 'elsewhere', exit: 74, about: 'Reading or writing on this machine failed' },
  DISK_FULL: { retry: 'elsewhere', exit: 74, about: 'No room left on the disk, or in the store' },
  QUEUE_DOWN: { retry: 'later', exit: 74, about: 'The queue of a node cannot be written: its disk is full, or its file is not usable' },
  JOURNAL_DAMAGED: { retry: 'never', exit: 74, about: 'A journal holds a damaged record before its end' },
  BUSY: { retry: 'later', exit: 75, about: 'A bound is reached: try again later' },
  QUEUE_FULL: { retry: 'later', exit: 75, about: 'The queue of a node has no room' },
  TOO_LATE: { retry: 'later', exit: 75, about: 'An offer was too old when it came, or did not show its age' },
  ALREADY_RUNNING: { retry: 'never', exit: 75, about: 'Another agent runs in this home' },
  BROKER_REFUSED: { retry: 'never', exit: 77, about: 'The broker refused the credentials' },
  NOT_MEMBER: { retry: 'never', exit: 77, about: 'The sender is not a member of the domain, or its certificate does not hold' },
  REFUSED: { retry: 'elsewhere', exit: 77, about: 'A node, by its policy or its rules, will not do this' },
  BAD_SIGNATURE: { retry: 'never', exit: 77, about: 'A signature does not hold' },
  WRONG_KIND: { retry: 'elsewhere', exit: 69, about: 'The node does not run this kind at this version' },
  TASK_FAILED: { retry: 'elsewhere', exit: 1, about: 'The code of a task failed' },
  TABLE_FULL: { retry: 'never', exit: 1, about: 'A task met more distinct keys than its table holds' },
  JOB_FAILED: { retry: 'never', exit: 1, about: 'A job ended without a result' },
  JOB_CANCELLED: { retry: 'never', exit: 1, about: 'The job was cancelled' },
  CANCELLED: { retry: 'never', exit: 130, about: 'The attempt or the call was ended from outside' },
  TIMEOUT: { retry: 'elsewhere', exit: 124, about: 'It took longer than its limit' },
  INTERRUPTED: { retry: 'never', exit: 130, about: 'Ended by ^C' },
  OLD_NODE: { retry: 'never', exit: 69, about: 'This Node is too old for ipdc' },
  INTERNAL: { retry: 'elsewhere', exit: 1, about: 'A defect of ipdc: please report it' },
} as const satisfies Record<string, Row>

export type ErrorCode = keyof typeof errors

export interface ErrorDetails {
  /** What failed on what, and why. */
  readonly message: string
  /** What to do about it: often a command. */
  readonly hint?: string | undefined
  readonly cause?: unknown
  /** The address concerned, of INPUT_LOST, NOT_FOUND, BAD_BLOCK. */
  readonly cid?: string | undefined
}

export class IpdcError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly cid: string | undefined

  constructor(code: ErrorCode, { message, hint, cause, cid }: ErrorDetails) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'IpdcError'
    this.code = code
    this.hint = hint
    this.cid = cid
  }
}

/** The code of an error of ours, whichever copy of this module made it. */
export function codeOf(error: unknown): ErrorCode | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' && Object.hasOwn(errors, code) ? (code as ErrorCode) : undefined
}

export function rowOf(code: string): Row {
  return Object.hasOwn(errors, code) ? errors[code as ErrorCode] : errors.INTERNAL
}

/** The error as it travels. */
export function toFailure(error: unknown): Failure {
  const code = codeOf(error) ?? 'INTERNAL'
  const { message, hint, cid } = error as { message?: unknown; hint?: unknown; cid?: unknown }
  return {
    code,
    message: (typeof message === 'string' ? message : String(error)).slice(0, 2000),
    ...(typeof hint === 'string' ? { hint: hint.slice(0, 500) } : {}),
    ...(typeof cid === 'string' ? { cid } : {}),
  }
}

/** The error as it arrives. A code that this version does not know becomes INTERNAL and stands in the message. */
export function fromFailure(failure: Failure): IpdcError {
  const known = Object.hasOwn(errors, failure.code)
  return new IpdcError(known ? (failure.code as ErrorCode) : 'INTERNAL', {
    message: known ? failure.message : `${failure.code}: ${failure.message}`,
    hint: failure.hint,
    cid: failure.cid,
  })
}

/** What to do about what the system says, where whoever wraps it knows nothing better. */
const hints: Readonly<Record<string, string>> = {
  // A kernel does so by itself when a card or a disk fails.
  EROFS: 'It lies on a disk that is mounted read-only: look why (dmesg), the disk may be failing; then mount it for writing again',
}

/** Wraps a foreign error once, at the border: an IpdcError passes as it is, an abort becomes CANCELLED, errno its code. */
export function wrap(error: unknown, code: ErrorCode, message: string, hint?: string): IpdcError {
  if (error instanceof IpdcError) return error
  const { name, code: errno } = (error ?? {}) as { name?: string; code?: string }
  const kind = name === 'AbortError' ? 'CANCELLED' : errno === 'ENOSPC' || errno === 'EDQUOT' ? 'DISK_FULL' : code
  return new IpdcError(kind, {
    message: `${message}: ${error instanceof Error ? error.message : String(error)}`,
    hint: hint ?? (errno === undefined ? undefined : hints[errno]),
    cause: error,
  })
}
