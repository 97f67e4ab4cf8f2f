/** When a domain that is meant for what runs now may end: no job is open, and no client has been here for a moment. */

/** Between two commands of one user, a domain is not worth ending. @default 300 (ms) */
const lingerMs = 300
/** How often it looks. @default 100 (ms) */
const lookMs = 100
/** The first client may take so long to come. @default 10_000 (ms) */
const firstMs = 10_000

export interface IdlenessOptions {
  readonly isIdle: () => boolean
  readonly end: () => void
}

export function createIdleness({ isIdle, end }: IdlenessOptions) {
  let sessions = 0
  let quiet = lingerMs - firstMs
  const looking = setInterval(() => {
    quiet = sessions === 0 && isIdle() ? quiet + lookMs : Math.min(quiet, 0)
    if (quiet >= lingerMs) {
      clearInterval(looking)
      end()
    }
  }, lookMs)
  return {
    session(signal: AbortSignal): void {
      if (signal.aborted) return
      sessions++
      quiet = 0
      signal.addEventListener('abort', () => {
        sessions--
      })
    },
    stop: () => clearInterval(looking),
  }
}
