/** While a backlog cannot be used: why, and looks whether it can again, at longer and longer intervals. */
import { type IpdcError, toFailure } from '../../src/core/errors.ts'
import type { Ms } from '../../src/core/kind.ts'
import type { Log } from '../../src/core/log.ts'
import type { QueueStatus } from '../../src/core/ports.ts'

/** First and last interval, doubled each time. @default 500 (ms), 10_000 (ms) */
const firstMs: Ms = 500
const lastMs: Ms = 10_000
/** One that fails again sooner than this was not well: the interval stays as long as it was. @default 60_000 (ms) */
const wellMs: Ms = 60_000

export interface OutageOptions {
  /** As one of ours, with what to do. */
  readonly wrap: (error: unknown) => IpdcError
  /** Tries whether it works again, and mends what can be. */
  readonly look: () => Promise<void>
  readonly changed: (status: QueueStatus) => void
  readonly log: Log
}

export function createOutage({ wrap, look, changed, log }: OutageOptions) {
  let error: IpdcError | undefined
  let timer: NodeJS.Timeout | undefined
  let ms = firstMs
  let upAt = Number.NEGATIVE_INFINITY
  let isOver = false

  const plan = () => {
    timer = setTimeout(() => void tryAgain(), ms)
    ms = Math.min(lastMs, ms * 2)
  }

  const tryAgain = async () => {
    try {
      await look()
    } catch (cause) {
      error = wrap(cause)
      if (!isOver) plan()
      return
    }
    error = undefined
    upAt = performance.now()
    if (isOver) return
    log.info({}, 'the queue works again')
    changed({ is: 'up' })
  }

  return {
    get error() {
      return error
    },
    /** It has failed: the error as everybody is told it. */
    began(cause: unknown): IpdcError {
      const wrapped = wrap(cause)
      if (isOver) return wrapped
      const isNew = error === undefined
      error = wrapped
      if (isNew) {
        log.error({ err: wrapped }, 'the queue takes and gives nothing')
        if (performance.now() - upAt > wellMs) ms = firstMs
        plan()
        changed({ is: 'down', error: toFailure(wrapped) })
      }
      return wrapped
    },
    stop(): void {
      isOver = true
      clearTimeout(timer)
    },
  }
}
