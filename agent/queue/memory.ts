/** The queue that survives nothing: first in, first out, bounded. For tests, and for agents whose tasks are all re-offered after a crash. */
import type { Queue, QueueItem } from '../../src/core/ports.ts'

type Handler = (item: QueueItem, signal: AbortSignal) => Promise<void>

export function createMemoryQueue({ limit }: { readonly limit: number }): Queue {
  const waiting = new Map<string, QueueItem>()
  const running = new Map<string, AbortController>()
  let taker: { readonly handler: Handler; readonly slots: number } | undefined
  let isPaused = false
  let isDraining = false
  const idle = new Set<() => void>()

  const startWhatFits = () => {
    if (taker === undefined || isPaused || isDraining) return
    for (const [id, item] of waiting) {
      if (running.size >= taker.slots) return
      waiting.delete(id)
      void start(id, item, taker.handler)
    }
  }

  const start = async (id: string, item: QueueItem, handler: Handler) => {
    const controller = new AbortController()
    running.set(id, controller)
    try {
      await handler(item, controller.signal)
    } catch {
      // The handler reports its own failures; here an item only leaves.
    }
    running.delete(id)
    startWhatFits()
    if (running.size === 0) for (const wake of idle) wake()
  }

  return {
    async add(item) {
      if (waiting.has(item.id) || running.has(item.id)) return 'accepted'
      if (isDraining || waiting.size + running.size >= limit) return 'full'
      waiting.set(item.id, item)
      startWhatFits()
      return 'accepted'
    },
    take(handler, slots) {
      taker = { handler, slots }
      startWhatFits()
    },
    async remove(id) {
      if (waiting.delete(id)) return true
      const controller = running.get(id)
      controller?.abort()
      return controller !== undefined
    },
    get size() {
      return { waiting: waiting.size, running: running.size, limit }
    },
    async held() {
      return [...[...running.keys()].map((id) => ({ id, is: 'running' as const })), ...[...waiting.keys()].map((id) => ({ id, is: 'waiting' as const }))]
    },
    async drain(signal) {
      isDraining = true
      if (running.size === 0) return
      await new Promise<void>((resolve) => {
        const wake = () => {
          idle.delete(wake)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        idle.add(wake)
        signal?.addEventListener('abort', wake)
        if (signal?.aborted) wake()
      })
    },
    async pause() {
      isPaused = true
    },
    async resume() {
      isPaused = false
      startWhatFits()
    },
    async close() {
      isDraining = true
      waiting.clear()
      for (const controller of running.values()) controller.abort()
    },
  }
}
