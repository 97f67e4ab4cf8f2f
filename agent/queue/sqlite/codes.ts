/** Errors of operations that a job's state forbids: BullMQ's codes and words, since callers match on both. */

/** ErrorCode of BullMQ, as far as this backend meets them. */
export const JOB_MISSING = -1
export const LOCK_MISSING = -2
export const NOT_IN_STATE = -3
export const LOCK_MISMATCH = -6

type Code = typeof JOB_MISSING | typeof LOCK_MISSING | typeof NOT_IN_STATE | typeof LOCK_MISMATCH

export interface Refused {
  readonly id: string | undefined
  /** The name that BullMQ's script for it has. */
  readonly command: string
  readonly state?: string
}

export function refusal(code: Code, refused: Refused): Error & { code: Code } {
  return Object.assign(new Error(words(code, refused)), { code })
}

/** What an operation refused is told; what it did before that stays done, as after a script of Redis. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'number'
}

function words(code: Code, { id, command, state }: Refused): string {
  switch (code) {
    case JOB_MISSING:
      return `Missing key for job ${id}. ${command}`
    case LOCK_MISSING:
      return `Missing lock for job ${id}. ${command}`
    case NOT_IN_STATE:
      return `Job ${id} is not in the ${state} state. ${command}`
    case LOCK_MISMATCH:
      return `Lock mismatch for job ${id}. Cmd ${command} from ${state}`
  }
}

/** What a call meets once its backend, or the file below it, is closed. By this very message BullMQ knows that it is no fault. */
export function closedError(): Error & { code: 'CLOSED' } {
  return Object.assign(new Error('Connection is closed.'), { name: 'ConnectionClosedError', code: 'CLOSED' as const })
}
