/** Work that several ask for at the same time is done once, for whoever asked first; when he gives up, the next one begins anew. */

export interface Shared<T> {
  run(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>
}

export function createShared<T>(): Shared<T> {
  const running = new Map<string, { readonly result: Promise<T>; readonly owner: AbortSignal }>()

  function start(key: string, owner: AbortSignal, work: () => Promise<T>): Promise<T> {
    const result = work().finally(() => running.delete(key))
    running.set(key, { result, owner })
    return result
  }

  return {
    async run(key, signal, work) {
      for (;;) {
        signal.throwIfAborted()
        const other = running.get(key)
        if (other === undefined) return start(key, signal, work)
        try {
          return await unlessAborted(other.result, signal)
        } catch (error) {
          if (signal.aborted || !other.owner.aborted) throw error
        }
      }
    },
  }
}

/** Ends the wait, not the work. */
export function unlessAborted<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const giveUp = () => reject(signal.reason)
  signal.addEventListener('abort', giveUp, { once: true })
  return Promise.race([result, promise]).finally(() => signal.removeEventListener('abort', giveUp))
}
