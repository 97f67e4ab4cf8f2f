/** Things by when they are due, the earliest first. A thing whose time changed is pushed again by whoever pops it early. */
import type { Ms } from '../kind.ts'

export interface Heap<T> {
  push(at: Ms, item: T): void
  /** Takes the earliest out if it is due. */
  due(now: Ms): T | undefined
  /** Lets those go that are not to be kept. Worth it when they are many. */
  sift(keep: (item: T) => boolean): void
  readonly size: number
}

export function createHeap<T>(): Heap<T> {
  const entries: { readonly at: Ms; readonly item: T }[] = []

  function push(at: Ms, item: T): void {
    const entry = { at, item }
    let i = entries.push(entry) - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      const above = entries[up]
      if (above === undefined || above.at <= at) break
      entries[i] = above
      i = up
    }
    entries[i] = entry
  }

  function due(now: Ms): T | undefined {
    const first = entries[0]
    if (first === undefined || first.at > now) return undefined
    const last = entries.pop()
    if (last !== undefined && last !== first) sink(last)
    return first.item
  }

  function sink(entry: { readonly at: Ms; readonly item: T }): void {
    let i = 0
    for (;;) {
      let down = 2 * i + 1
      let below = entries[down]
      const right = entries[down + 1]
      if (below !== undefined && right !== undefined && right.at < below.at) {
        down++
        below = right
      }
      if (below === undefined || below.at >= entry.at) break
      entries[i] = below
      i = down
    }
    entries[i] = entry
  }

  function sift(keep: (item: T) => boolean): void {
    const kept = entries.filter(({ item }) => keep(item))
    entries.length = 0
    // In order of their times a list is a heap.
    for (const entry of kept.sort((a, b) => a.at - b.at)) entries.push(entry)
  }

  return {
    push,
    due,
    sift,
    get size() {
      return entries.length
    },
  }
}
