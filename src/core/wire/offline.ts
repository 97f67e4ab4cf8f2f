/**
 * Clients of a broker that are away and whose messages it keeps: how many messages each, how many clients, for how long. Beyond
 * that they are dropped: whatever matters is said again.
 */
import type { Ms } from '../kind.ts'

/** @default 1_000 (messages) */
export const maxKept = 1_000
/** @default 1_000 (clients) */
export const maxAway = 1_000
/** @default 3_600_000 (ms) */
export const maxAwayMs: Ms = 3_600_000

export interface Offline {
  /** Gives the clients that are to be forgotten for it. */
  left(clientId: string, now: Ms): string[]
  came(clientId: string): void
  /** Whether one more message is kept for this client; counts it. Always, for one that is here. */
  keeps(clientId: string): boolean
}

export function createOffline(): Offline {
  /** In order of going. */
  const away = new Map<string, { readonly since: Ms; kept: number }>()
  return {
    left(clientId, now) {
      away.delete(clientId)
      away.set(clientId, { since: now, kept: 0 })
      const forgotten: string[] = []
      for (const [id, { since }] of away) {
        if (since > now - maxAwayMs && away.size <= maxAway) break
        away.delete(id)
        forgotten.push(id)
      }
      return forgotten
    },
    came(clientId) {
      away.delete(clientId)
    },
    keeps(clientId) {
      const client = away.get(clientId)
      if (client === undefined) return true
      return client.kept++ < maxKept
    },
  }
}
