/** How it stands with a broker, and who wants to know: listeners hear of each change, `firstUp` waits for the first good one. */
import { codeOf, IpdcError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { BrokerStatus } from '../ports.ts'

export interface Status {
  status(): BrokerStatus
  /** `error` is why it is down. Nothing comes after `closed`. */
  setStatus(next: BrokerStatus, error?: unknown): void
  onStatus(listener: (status: BrokerStatus) => void): void
  /** @throws BROKER_REFUSED at once; NO_BROKER after `timeoutMs`, with the last cause, or at `closed` */
  firstUp(timeoutMs: number): Promise<void>
}

export function createStatus(url: string, log: Log): Status {
  let status: BrokerStatus = { is: 'new' }
  const listeners = new Set<(status: BrokerStatus, error: unknown, isNews: boolean) => void>()

  return {
    status: () => status,
    setStatus(next, error) {
      if (status.is === 'closed') return
      const isNews = next.is !== status.is
      status = next
      if (isNews) log.info({ url, ...next }, 'broker status')
      for (const listener of listeners) listener(next, error, isNews)
    },
    onStatus(listener) {
      listeners.add((next, _, isNews) => {
        if (isNews) listener(next)
      })
    },
    firstUp(timeoutMs) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      let last = 'no answer'
      let hint = 'Start the broker, or name another: --broker mqtt://HOST:PORT'
      const fail = (message: string) => reject(new IpdcError('NO_BROKER', { message, hint }))
      const watch = (next: BrokerStatus, error: unknown): void => {
        if (next.is === 'down') last = next.cause
        if (error instanceof IpdcError && error.hint !== undefined) hint = error.hint
        if (next.is === 'up') resolve()
        else if (next.is === 'closed') fail(`The connection to ${url} was closed by this node`)
        else if (codeOf(error) === 'BROKER_REFUSED') reject(error)
      }
      const timer = setTimeout(() => fail(`No connection to ${url} in ${timeoutMs / 1000} s: ${last}`), timeoutMs)
      listeners.add(watch)
      return promise.finally(() => {
        clearTimeout(timer)
        listeners.delete(watch)
      })
    },
  }
}
