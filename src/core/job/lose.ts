/** Attempts that nobody will finish: their node is gone, was started again, or their lease ran out. */
import type { Node } from '../cluster/members.ts'
import type { Ms } from '../kind.ts'
import { end, say } from './attempt.ts'
import { again, charge } from './charge.ts'
import { announce, bookOf, restart } from './credits.ts'
import type { Round } from './instruction.ts'
import { expired } from './lease.ts'
import { chargeOf } from './retry.ts'
import type { Attempt } from './state.ts'

/** A node that was started again says within it what it still holds, or nobody waits for it. @default 3_000 (ms) */
const returnMs: Ms = 3_000

/** Gives its task to others. Only one that was running is charged: a node's death is no fault of what merely waited there. */
export function lose(round: Round, attempt: Attempt, why: string): void {
  if (attempt.over) return
  const { task, is, node } = attempt
  end(round.state, attempt)
  task.stage.lost++
  const error = { code: 'NODE_LOST', message: `Node ${node} had "${task.name}" when ${why}` }
  say(round.out, attempt, 'lost', error)
  if (is === 'running') charge(round, task, chargeOf(node, error))
  else again(task)
}

export function expire(round: Round): void {
  for (const attempt of expired(round.state, round.now)) lose(round, attempt, 'its lease ran out')
}

/** A node came, changed or went. */
export function nodeChanged(round: Round, node: Node): void {
  const { state, now } = round
  const book = bookOf(state, node.id)
  const before = book.node
  book.node = node
  if (node.boot > book.boot) reborn(round, node.id, node.boot)
  announce(state, book, node, before, now)
  state.version++
  if (node.state !== 'gone') return
  book.told = false
  book.free = 0
  // One that is not pure may still run there, unheard: only its lease ends it for sure.
  for (const attempt of [...book.attempts]) if (attempt.task.job.pure) lose(round, attempt, 'it went')
  if (book.attempts.size === 0) state.books.delete(node.id)
}

/**
 * What ran under the old start is dead for certain. What waited may have survived in its queue: its node tells, with its next beat,
 * and goes on with it where nobody else was asked meanwhile. Of pure jobs nobody waits for that word for long.
 */
export function reborn(round: Round, id: string, boot: number): void {
  const { state, now } = round
  const book = bookOf(state, id)
  restart(state, book, boot)
  book.beaten = false
  for (const job of state.ring) if (job.refusals.delete(id)) state.version++
  for (const attempt of [...book.attempts]) {
    if (attempt.boot >= boot) continue
    if (attempt.is === 'running') lose(round, attempt, 'it was started again')
    else if (attempt.task.job.pure && attempt.until > now + returnMs) {
      attempt.until = now + returnMs
      state.leases.push(attempt.until, attempt)
    }
  }
}

/** A node has told all that it holds: what it had, or was offered, before its last start and did not name is gone. An offer is for one start. */
export function missed(round: Round, id: string, boot: number): void {
  for (const attempt of [...bookOf(round.state, id).attempts]) {
    if (attempt.boot < boot) lose(round, attempt, 'it was started again')
  }
}
