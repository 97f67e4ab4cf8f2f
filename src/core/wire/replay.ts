/**
 * Whether a message was heard before. Of each sender the newest boot counts, and of it the highest number and the 10,000
 * below: a message may come late or out of order, but only once. No clock, no I/O; the senders kept are bounded.
 */
import type { NodeId } from '../kind.ts'

/** How far behind the newest a message may come. @default 10_000 (messages) */
export const windowSize = 10_000

/** Senders remembered; the one heard longest ago is forgotten first. @default 4096 */
export const maxSenders = 4096

export type Heard =
  | 'fresh'
  /** This number came before, or is too far behind to know. */
  | 'replayed'
  /** From before the sender's last start: whatever still matters is said again. */
  | 'stale'

export interface Replay {
  /** Notes the message as heard. */
  hear(src: NodeId, boot: number, seq: number): Heard
  /** The newest start that was heard of a sender. */
  bootOf(src: NodeId): number | undefined
  readonly size: number
}

interface Sender {
  readonly boot: number
  highest: number
  /** A ring of bits by `seq % ringBits`, of the window that ends at `highest`. */
  readonly heard: Uint32Array
}

// More bits than the window, so that whole words are cleared ahead of it.
const ringWords = 320
const ringBits = ringWords * 32

export function createReplay(limit = maxSenders): Replay {
  const senders = new Map<NodeId, Sender>()

  const newSender = (src: NodeId, boot: number, seq: number): void => {
    const oldest = senders.keys().next()
    if (senders.size >= limit && oldest.done !== true && !senders.has(src)) senders.delete(oldest.value)
    const sender: Sender = { boot, highest: seq, heard: new Uint32Array(ringWords) }
    mark(sender.heard, seq)
    senders.delete(src)
    senders.set(src, sender)
  }

  return {
    hear(src, boot, seq) {
      const sender = senders.get(src)
      if (sender === undefined || boot > sender.boot) {
        newSender(src, boot, seq)
        return 'fresh'
      }
      if (boot < sender.boot) return 'stale'
      if (seq <= sender.highest - windowSize) return 'replayed'
      if (seq > sender.highest) advance(sender, seq)
      else if (isMarked(sender.heard, seq)) return 'replayed'
      mark(sender.heard, seq)
      // Moves it to the end of the map: the order is that of the last message.
      senders.delete(src)
      senders.set(src, sender)
      return 'fresh'
    },
    bootOf: (src) => senders.get(src)?.boot,
    get size() {
      return senders.size
    },
  }
}

/** Words between the old and the new highest number hold bits of an earlier round. */
function advance(sender: Sender, seq: number): void {
  const from = Math.floor(sender.highest / 32)
  const to = Math.floor(seq / 32)
  if (to - from >= ringWords) sender.heard.fill(0)
  else for (let word = from + 1; word <= to; word++) sender.heard[word % ringWords] = 0
  sender.highest = seq
}

function mark(heard: Uint32Array, seq: number): void {
  const bit = seq % ringBits
  heard[bit >>> 5] = (heard[bit >>> 5] ?? 0) | (1 << (bit & 31))
}

function isMarked(heard: Uint32Array, seq: number): boolean {
  const bit = seq % ringBits
  return ((heard[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0
}
