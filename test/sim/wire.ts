/**
 * A network that loses, doubles, delays and reorders; and counts how often it did. Nodes hear no command twice: an envelope's `seq` sees
 * to that. How late it comes is nobody's promise. The coordinator hears facts as often as they come. */
import { leaseMs } from '../../src/core/job/lease.ts'
import type { Agenda } from './agenda.ts'
import type { Random } from './random.ts'

export interface Weather {
  readonly loss: number
  readonly doubling: number
  /** Chance of a long delay, and its most. */
  readonly slow: number
  readonly slowMs: number
}

export const calm: Weather = { loss: 0, doubling: 0, slow: 0, slowMs: 0 }

export interface Wire {
  weather: Weather
  /** Nobody hears these, and they hear nobody. */
  readonly cut: Set<string>
  /** Nobody hears these, but they hear what is said to them. */
  readonly mute: Set<string>
  send(from: string, to: string, deliver: () => void, isCommand: boolean): void
}

export type Counts = Record<string, number>

export function createWire(agenda: Agenda, random: Random, counts: Counts): Wire {
  const lastAt = new Map<string, number>()
  const wire: Wire = {
    weather: calm,
    cut: new Set(),
    mute: new Set(),
    send(from, to, deliver, isCommand) {
      const { loss, doubling, slow, slowMs } = wire.weather
      const copies = random.chance(doubling) ? 2 : 1
      if (copies === 2) count(counts, 'doubled')
      let isHeard = false
      for (let copy = 0; copy < copies; copy++) {
        if (random.chance(loss)) {
          count(counts, 'lost message')
          continue
        }
        const sentAt = agenda.now
        const ms = random.whole(1, 20) + (random.chance(slow) ? random.whole(0, slowMs) : 0)
        const way = `${from}>${to}`
        if ((lastAt.get(way) ?? 0) > sentAt + ms) count(counts, 'reordered')
        lastAt.set(way, Math.max(lastAt.get(way) ?? 0, sentAt + ms))
        agenda.after(ms, () => {
          if (wire.cut.has(from) || wire.cut.has(to) || wire.mute.has(from)) count(counts, 'cut off')
          else if (isCommand && isHeard) count(counts, 'replayed')
          else {
            isHeard = true
            if (isCommand && ms > leaseMs) count(counts, 'command older than its lease')
            deliver()
          }
        })
      }
    },
  }
  return wire
}

export function count(counts: Counts, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1
}
