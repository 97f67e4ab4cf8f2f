/**
 * What must hold whatever happens, seen from outside the lifecycle: its offers, its journal, and what nodes really ran. Numbers are
 * those of the invariants that the project keeps (docs/ARCHITECTURE.md): one result a task, no result lost, credits, attempts, leases.
 */
import type { Node } from '../../src/core/cluster/members.ts'
import type { Instruction, To } from '../../src/core/job/instruction.ts'
import { fold, type JournalEntry } from '../../src/core/job/journal.ts'
import { maxCharged } from '../../src/core/job/retry.ts'
import { type Attempt, isOpen, type State } from '../../src/core/job/state.ts'
import { type Done, type Held, keyOf, type SimNode } from './node.ts'
import type { Program } from './program.ts'

export interface Disk {
  readonly entries: JournalEntry[]
  synced: number
}

export interface Checks {
  /** A coordinator starts, or is started again. */
  restarted(): void
  member(node: Node): void
  heard(src: string, boot: number, seq: number, free: number): void
  offered(offer: Instruction & { is: 'offer' }, disk: Disk, isAnswered: (to: To) => boolean): void
  /** What is said of an attempt to whoever watches. */
  said(event: Instruction & { is: 'event' }): void
  charged(charge: Instruction & { is: 'charge' }): void
  appended(job: string, disk: Disk, program: Program): void
  noted(note: To, disk: Disk, state: State): void
  ran(node: SimNode, done: Done): void
  started(node: SimNode, held: Held, nodes: readonly SimNode[], program: Program): void
  consistent(state: State): void
}

export class Violation extends Error {}

function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Violation(what)
}

export function createChecks(): Checks {
  const used = new Set<string>()
  const results = new Map<string, string>()
  /** What the coordinator that is alive has given up; one that is started again may adopt what nodes still have. */
  const over = new Set<string>()
  const running = new Set<string>()
  /** Of the coordinator that is alive: the newest word of each node, and its offers since. */
  let words = new Map<string, { boot: number; seq: number; free: number }>()
  let boots = new Map<string, number>()
  let unanswered = new Map<string, Map<string, To>>()

  return {
    restarted() {
      words = new Map()
      boots = new Map()
      over.clear()
      running.clear()
      unanswered = new Map()
    },

    member({ id, boot, state }) {
      // What a dead start promised is void: the room of its presence counts again, until a newer word than the last.
      const word = words.get(id)
      if (word !== undefined && (state === 'gone' || boot > word.boot)) words.set(id, { ...word, free: Number.POSITIVE_INFINITY })
      boots.set(id, Math.max(boot, boots.get(id) ?? 0))
    },

    heard(src, boot, seq, free) {
      const known = words.get(src)
      if (boot < (boots.get(src) ?? 0)) return
      boots.set(src, boot)
      if (known === undefined || boot > known.boot || (boot === known.boot && seq > known.seq)) words.set(src, { boot, seq, free })
    },

    offered(offer, disk, isAnswered) {
      const key = keyOf(offer)
      must(!used.has(key), `${key} was given out before`)
      used.add(key)
      const known = fold(disk.entries.slice(0, disk.synced))
      must(
        known?.committed.has(offer.task) !== true || fold(disk.entries)?.committed.has(offer.task) === false,
        `I2: ${offer.task} runs again though its result is on disk`,
      )
      const waiting = unanswered.get(offer.node) ?? new Map<string, To>()
      unanswered.set(offer.node, waiting)
      for (const [key, to] of waiting) if (isAnswered(to)) waiting.delete(key)
      waiting.set(key, offer)
      // Before its first word the room of its presence counts, which the node itself bounds.
      const word = words.get(offer.node)
      if (word !== undefined && word.free > 0)
        must(waiting.size <= word.free, `I8: ${waiting.size} offers under way to ${offer.node}, which promised ${word.free}`)
    },

    said(event) {
      const { job, task, node, state } = event
      // What was given up may be given back to who still has it.
      if (state === 'adopted') over.delete(`${keyOf(event)} by ${node}`)
      if (state === 'running') running.add(`${job}/${task} by ${node}`)
      if (state === 'lost' || state === 'cancelled' || state === 'failed' || state === 'refused') over.add(`${keyOf(event)} by ${node}`)
    },

    charged({ job, task, charge: { node, error } }) {
      must(error.code !== 'NODE_LOST' || running.has(`${job}/${task} by ${node}`), `I9: ${task} charged for the loss of ${node}, where it did not run`)
    },

    appended(job, { entries }, program) {
      const entry = entries.at(-1)
      must(entry !== undefined, 'nothing appended')
      const before = fold(entries.slice(0, -1))
      if (entry.is === 'committed') {
        must(before?.committed.has(entry.task) === false, `I2: a second result for ${entry.task}`)
        const key = keyOf({ job, ...entry })
        must(
          results.get(`${key} by ${entry.node}`) === new TextDecoder().decode(entry.result),
          `I3: ${key} committed, but ${entry.node} never made that result`,
        )
        must(program.pure || !over.has(`${key} by ${entry.node}`), `I3: ${key} committed after it was given up`)
      } else if (entry.is === 'withdrawn') must(before?.committed.has(entry.task) === true, `${entry.task} withdrawn without a result`)
      else if (entry.is === 'charged') {
        const charges = fold(entries)?.charged.get(entry.task)?.length ?? 0
        must(charges <= maxCharged, `I9: ${entry.task} charged ${charges} times`)
        const { of } = entry
        const again = of && before?.charged.get(entry.task)?.some((charge) => charge.of?.term === of.term && charge.of.attempt === of.attempt)
        must(again !== true, `I9: ${entry.task} charged twice for attempt ${of?.attempt}`)
      }
    },

    noted(note, { entries, synced }, state) {
      const task = state.jobs.get(note.job)?.tasks.get(note.task)
      if (task === undefined || task.is === 'failed' || task.is === 'left') return
      const result = results.get(`${keyOf(note)} by ${note.node}`)
      if (result === undefined) return
      const now = fold(entries)?.committed.get(note.task)
      if (now?.node === note.node && now.term === note.term && now.attempt === note.attempt) {
        must(fold(entries.slice(0, synced))?.committed.get(note.task)?.attempt === note.attempt, `I1: ${keyOf(note)} noted before it was on disk`)
      } else if (now === undefined && isOpen(task) && task.job.pure) {
        must(task.withdrawn.has(`${note.term}.${note.attempt}`), `no result lost: ${keyOf(note)} thrown away though ${note.task} is open`)
      }
    },

    ran(node, done) {
      results.set(`${keyOf(done)} by ${node.id}`, done.cid)
    },

    started(node, held, nodes, program) {
      if (program.pure) return
      for (const other of nodes) {
        if (other === node || !other.isUp) continue
        for (const one of other.held.values()) {
          must(
            one.is !== 'running' || one.job !== held.job || one.task !== held.task,
            `I7: ${keyOf(held)} starts on ${node.id} while ${keyOf(one)} runs on ${other.id}`,
          )
        }
      }
    },

    consistent(state) {
      let credit = 0
      for (const book of state.books.values()) {
        const offered = [...book.attempts].filter((attempt: Attempt) => attempt.is === 'offered').length
        must(book.unanswered === offered, `${book.id} has ${offered} offers unanswered, its book says ${book.unanswered}`)
        must(book.counted > 0 === state.open.has(book.id), `${book.id} with credit ${book.counted} is in the wrong set`)
        credit += book.counted
      }
      must(credit === state.credit, `credits sum to ${credit}, counted ${state.credit}`)
      for (const job of state.jobs.values()) {
        const tasks = [...job.tasks.values()]
        must(job.ready === tasks.filter(({ is }) => is === 'ready').length, `${job.id} counts ${job.ready} ready`)
        const finished = [...job.stages.values()].reduce((sum, { done }) => sum + done, 0) - tasks.filter(({ shown }) => shown === 'done').length
        must(finished === job.finished.size, `${job.id} has ${job.finished.size} tasks that are done for good, its stages count ${finished}`)
        for (const stage of job.stages.values()) {
          for (const shown of ['waiting', 'running', 'failed'] as const) {
            const real = tasks.filter((task) => task.stage === stage && task.shown === shown).length
            must(stage[shown] === real, `${job.id} ${stage.name} counts ${stage[shown]} ${shown} where ${real} are`)
          }
        }
        for (const task of tasks) {
          must((task.is === 'live') === task.live.size > 0, `${task.name} is ${task.is} with ${task.live.size} attempts`)
          must((task.is === 'done') === (task.winner !== undefined), `${task.name} is ${task.is}${task.winner ? ' with' : ' without'} a result`)
          must(task.is !== 'waiting' || task.waitsFor.size > 0, `${task.name} waits for nothing`)
        }
      }
    },
  }
}
