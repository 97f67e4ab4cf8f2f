/**
 * How many more tasks a node has promised to take. A coordinator never sends more: the first offers go by the room that its
 * presence tells, then its own word counts, less the offers it had not seen when it spoke.
 */
import type { Node } from '../cluster/members.ts'
import type { Ms, NodeId } from '../kind.ts'
import type { Said } from './event.ts'
import type { Book, State } from './state.ts'

/** A full node that has said nothing for so long is asked with one offer: its refusal costs nothing. @default 30_000 (ms) */
export const staleMs: Ms = 30_000

export function bookOf(state: State, id: NodeId): Book {
  let book = state.books.get(id)
  if (book === undefined) {
    book = {
      id,
      node: undefined,
      boot: 0,
      seq: -1,
      free: 0,
      told: false,
      unanswered: 0,
      attempts: new Set(),
      heardAt: 0,
      word: undefined,
      late: { at: Number.NEGATIVE_INFINITY, step: 0 },
      beaten: false,
      counted: 0,
    }
    state.books.set(id, book)
  }
  return book
}

/** Presence: its room counts until the node itself has told us more; that it takes nothing, or something again, counts as a word to all. */
export function announce(state: State, book: Book, node: Node, before: Node | undefined, now: Ms): void {
  book.node = node
  if (!book.told) {
    book.free = node.room
    book.heardAt = now
  } else if (node.boot === book.boot && node.seq > book.seq) {
    if (node.room === 0) book.free = 0
    else if (before?.room === 0 && book.free === 0) book.free = Math.max(0, node.room - book.attempts.size)
  }
  settle(state, book)
}

/** A new start of the node: what the old one promised is void. */
export function restart(state: State, book: Book, boot: number): void {
  book.boot = boot
  book.seq = -1
  book.told = false
  book.word = undefined
  book.free = book.node?.boot === boot ? book.node.room : 0
  settle(state, book)
}

/** Its word, unless a newer one came before. */
export function hear(state: State, book: Book, { boot, seq, at, free }: Pick<Said, 'boot' | 'seq' | 'at' | 'free'>, now: Ms): void {
  if (boot !== book.boot || seq <= book.seq) return
  book.seq = seq
  book.word = { at, heardAt: now }
  book.free = free
  book.told = true
  book.heardAt = now
  settle(state, book)
}

/** After each change of a book. */
export function settle(state: State, book: Book): void {
  const credit = book.node?.state === 'up' ? Math.max(0, book.free - book.unanswered) : 0
  state.credit += credit - book.counted
  book.counted = credit
  if (credit > 0) state.open.set(book.id, book)
  else state.open.delete(book.id)
}

/** Lets a silent full node be asked again, where somebody waits. */
export function refresh(state: State, now: Ms): void {
  for (const book of state.books.values()) {
    if (book.node?.state !== 'up' || book.counted > 0 || book.attempts.size > 0 || now - book.heardAt < staleMs) continue
    book.free = 1
    book.heardAt = now
    settle(state, book)
  }
}
