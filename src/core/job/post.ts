/**
 * What goes to nodes, in few messages: all that one turn of the event loop decides for a node travels together. Results that
 * are on disk are told with the answer to the node's next beat; at once where many wait, and when no beat comes.
 */
import type { JobId, Ms, NodeId, Term } from '../kind.ts'
import type { JobView } from '../views.ts'
import { type Body, type MessageType, maxBatch } from '../wire/message.ts'
import type { Instruction, To } from './instruction.ts'
import type { Moment } from './lease.ts'

/** Beats come every 2 s: a node that is silent is told without one. @default 2_500 (ms) */
const noteMs: Ms = 2_500
/** So many results on disk are told at once: the outbox of their node is not to grow. @default 256 */
const maxNotes = 256
/** Bodies of one message, so that the sealed whole stays under 64 KiB. */
const maxBytes = 60 * 1024
/** Entries of a grant, at most, of each sort. */
const maxEntries = 128

/** Fire and forget: beats, leases and the outbox say again what is lost. */
export type Send = <T extends MessageType>(dst: NodeId, type: T, message: { readonly job?: JobId; readonly term?: Term; readonly body: Body<T> }) => void

type Offer = Instruction & { is: 'offer' }
type Cancel = Instruction & { is: 'cancel' }
type Grant = Instruction & { is: 'grant' }

export interface Post {
  offer(offer: Offer): void
  cancel(cancel: Cancel): void
  grant(grant: Grant): void
  note(note: To): void
  /** Says that a job is over, or unknown here. */
  close(node: NodeId, job: JobId, view: JobView | undefined): void
  /** The job is over: its nodes will be told so, which says all that still waits to be said. */
  forget(job: JobId): void
  stop(): void
}

export interface PostOptions {
  readonly send: Send
  /** Signed by the submitter; undefined when the job is closed meanwhile. */
  readonly manifest: (job: JobId) => Uint8Array | undefined
  readonly leaseMs: Ms
}

export function createPost({ send, manifest, leaseMs }: PostOptions): Post {
  const offers = new Map<string, Offer[]>()
  const cancels = new Map<string, Cancel[]>()
  const notes = new Map<NodeId, To[]>()
  let turn: NodeJS.Immediate | undefined
  let timer: NodeJS.Timeout | undefined

  function flush(): void {
    clearImmediate(turn)
    turn = undefined
    // Cancels first: they make room for what is offered.
    for (const list of cancels.values()) sendCancels(list)
    cancels.clear()
    for (const list of offers.values()) sendOffers(list)
    offers.clear()
  }

  function sendOffers(list: readonly Offer[]): void {
    const [first] = list
    const signed = first && manifest(first.job)
    if (first === undefined || signed === undefined) return
    // The oldest word of the turn: a lease may only be shorter.
    const { node, job, term, leaseMs, from, pure } = first
    for (const part of parts(list, maxBatch, maxBytes - signed.length, ({ task, stage, body }) => task.length + stage.length + body.length + 64)) {
      const tasks = part.map(({ task, attempt, stage, body }) => ({ task, attempt, stage, body }))
      send(node, 'task.offer', { job, term, body: { manifest: signed, leaseMs, ...(from === undefined ? {} : { from }), pure, tasks } })
    }
  }

  function sendCancels(list: readonly Cancel[]): void {
    for (const part of parts(list, maxBatch, maxBytes, ({ task }) => task.length + 64)) {
      const [first] = part
      if (first === undefined) continue
      const tasks = part.map(({ task, attempt, term }) => ({ task, attempt, term }))
      send(first.node, 'task.cancel', { job: first.job, term: first.term, body: { tasks, why: first.why } })
    }
  }

  function flushNotes(): void {
    clearTimeout(timer)
    timer = undefined
    for (const node of [...notes.keys()]) sendGrant(node, leaseMs, undefined, [])
  }

  function sendGrant(node: NodeId, leaseMs: Ms, from: Moment | undefined, held: readonly Omit<To, 'node'>[]): void {
    const noted = notes.get(node) ?? []
    notes.delete(node)
    const heldParts = parts(held, maxEntries, maxBytes / 2, sizeOf)
    const notedParts = parts(noted, maxEntries, maxBytes / 2, sizeOf)
    for (let i = 0; i < Math.max(heldParts.length, notedParts.length); i++) {
      const body = { leaseMs, ...(from === undefined ? {} : { from }), held: (heldParts[i] ?? []).map(refOf), noted: (notedParts[i] ?? []).map(refOf) }
      send(node, 'lease.grant', { body })
    }
  }

  return {
    offer(offer) {
      push(offers, `${offer.node} ${offer.job}`, offer)
      turn ??= setImmediate(flush)
    },
    cancel(cancel) {
      const unsent = offers.get(`${cancel.node} ${cancel.job}`) ?? []
      const at = unsent.findIndex(({ task, attempt, term }) => task === cancel.task && attempt === cancel.attempt && term === cancel.term)
      if (at >= 0) {
        unsent.splice(at, 1)
        return
      }
      push(cancels, `${cancel.node} ${cancel.job}`, cancel)
      turn ??= setImmediate(flush)
    },
    grant: ({ node, leaseMs, from, held }) => sendGrant(node, leaseMs, from, held),
    note(note) {
      push(notes, note.node, note)
      if ((notes.get(note.node)?.length ?? 0) >= maxNotes) sendGrant(note.node, leaseMs, undefined, [])
      timer ??= setTimeout(flushNotes, noteMs)
    },
    close(node, job, view) {
      const how = view === undefined || view.state === 'open' ? 'unknown' : view.state
      send(node, 'job.close', { job, body: { how, ...(view?.root === undefined ? {} : { root: view.root.cid }) } })
    },
    forget(job) {
      for (const [key, list] of offers) if (list[0]?.job === job) offers.delete(key)
      for (const [node, list] of notes) {
        const others = list.filter((note) => note.job !== job)
        if (others.length > 0) notes.set(node, others)
        else notes.delete(node)
      }
    },
    stop() {
      clearImmediate(turn)
      clearTimeout(timer)
    },
  }
}

function refOf({ job, task, term, attempt }: Omit<To, 'node'>): Body<'lease.grant'>['held'][number] {
  return { job, task, term, attempt }
}

function sizeOf({ job, task }: Omit<To, 'node'>): number {
  return job.length + task.length + 48
}

/** In order, each part within both bounds; a single item always passes. */
function parts<T>(list: readonly T[], maxCount: number, maxSize: number, size: (item: T) => number): T[][] {
  const all: T[][] = []
  let part: T[] = []
  let sum = 0
  for (const item of list) {
    const own = size(item)
    if (part.length > 0 && (part.length >= maxCount || sum + own > maxSize)) {
      all.push(part)
      part = []
      sum = 0
    }
    part.push(item)
    sum += own
  }
  if (part.length > 0) all.push(part)
  return all
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
