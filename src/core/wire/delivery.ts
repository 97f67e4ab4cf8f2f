/** Gives messages to a handler one at a time, in order of arrival. What waits is bounded: whoever brings more is asked to wait. */

export interface Delivery {
  /** `taken` is called once the handler is through. Gives a promise where the table is full: the next message must not come before it resolves. */
  put(topic: string, bytes: Uint8Array, taken: () => void): Promise<void> | undefined
  /** Forgets what waits. */
  close(): void
}

/** Messages that wait, at most. @default 256 */
export const maxWaiting = 256

interface Waiting {
  readonly topic: string
  readonly bytes: Uint8Array
  readonly taken: () => void
}

/** `handle` never throws. */
export function createDelivery(handle: (topic: string, bytes: Uint8Array) => undefined | Promise<unknown>, limit = maxWaiting): Delivery {
  let waiting: Waiting[] = []
  let isBusy = false
  let isClosed = false
  let room: PromiseWithResolvers<void> | undefined

  const run = async (): Promise<void> => {
    isBusy = true
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      room?.resolve()
      room = undefined
      const handling = handle(next.topic, next.bytes)
      // A handler that is through at once costs no turn of the loop.
      if (handling !== undefined) await handling
      if (isClosed) return
      next.taken()
    }
    isBusy = false
  }

  return {
    put(topic, bytes, taken) {
      if (isClosed) return undefined
      waiting.push({ topic, bytes, taken })
      if (!isBusy) void run()
      if (waiting.length < limit) return undefined
      room ??= Promise.withResolvers()
      return room.promise
    },
    close() {
      isClosed = true
      waiting = []
      room?.resolve()
    },
  }
}
