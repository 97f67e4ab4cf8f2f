/** What is added in one turn goes in one step. */
import type { QueueItem } from '../../src/core/ports.ts'

/** Resolves when the step has. */
export function createBatch(add: (items: readonly QueueItem[]) => Promise<void>): (item: QueueItem) => Promise<void> {
  let batch: { readonly items: QueueItem[]; readonly done: Promise<void> } | undefined
  return (item) => {
    if (batch === undefined) {
      const items: QueueItem[] = []
      const done = Promise.resolve().then(() => {
        batch = undefined
        return add(items)
      })
      batch = { items, done }
    }
    batch.items.push(item)
    return batch.done
  }
}
