/** The queue that survives nothing: first in, first out, bounded. For tests, and for agents whose tasks are all re-offered after a crash. */
import type { Queue, QueueItem } from '../../src/core/ports.ts'
import { createIdle } from './idle.ts'

type Handler = (item: QueueItem, signal: AbortSignal) => Promise<void>

export function createMemoryQueue({ limit }: { readonly limit: number }): Queue {
  const waiting = new Map<string, QueueItem>()
  const running = new Map<string, { readonly item: QueueItem; readonly controller: AbortController }>()
  let handler: Handler | undefined
  let slots = 0
  let isPaused = false
  let isDraining = false
  const idle = createIdle(() => running.size === 0)

  const startWhatFits = () => {
    if (handler === undefined || isPaused || isDraining) return
    for (const [id, item] of waiting) {
      if (running.size >= slots) return
      waiting.delete(id)
      void start(id, item, handler)
    }
  }

  const start = async (id: string, item: QueueItem, handle: Handler) => {
    const controller = new AbortController()
    running.set(id, { item, controller })
    try {
      await handle(item, controller.signal)
    } catch {
      // The handler reports its own failures; here an item only leaves.
    }
    running.delete(id)
    startWhatFits()
    idle.look()
  }

  return {
    async add(item) {
      if (waiting.has(item.id) || running.has(item.id)) return 'accepted'
      if (isDraining || waiting.size + running.size >= limit) return 'full'
      waiting.set(item.id, item)
      startWhatFits()
      return 'accepted'
    },
    take(take, most) {
      handler = take
      slots = most
      startWhatFits()
    },
    resize(most) {
      slots = most
      startWhatFits()
    },
    async remove(id) {
      if (waiting.delete(id)) return true
      const run = running.get(id)
      run?.controller.abort()
      return run !== undefined
    },
    get size() {
      return { waiting: waiting.size, running: running.size, limit }
    },
    async held() {
      return [...[...running.keys()].map((id) => ({ id, is: 'running' as const })), ...[...waiting.keys()].map((id) => ({ id, is: 'waiting' as const }))]
    },
    async *items() {
      for (const { item } of [...running.values()]) yield item
      for (const item of [...waiting.values()]) yield item
    },
    async drain(signal) {
      isDraining = true
      await idle.wait(signal)
    },
    async pause() {
      isPaused = true
    },
    async resume() {
      isPaused = false
      startWhatFits()
    },
    status: { is: 'up' },
    onChange() {},
    info: async () => ({ use: 'memory' }),
    async close() {
      isDraining = true
      waiting.clear()
      for (const { controller } of running.values()) controller.abort()
      await idle.wait(undefined, closeMs)
    },
  }
}

/** What does not heed its signal is left behind after this. @default 1_000 (ms) */
const closeMs = 1_000
