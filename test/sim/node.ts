/**
 * A node as the protocol has it: takes what it has room for, starts when a slot is free, keeps results until they are noted, beats
 * every two seconds, and stops an attempt by itself before its lease ends. What it runs is decided by the body of the task.
 */
import type { Ref } from '../../src/core/job/event.ts'
import { leaseMs, type Moment, marginMs, untilOf } from '../../src/core/job/lease.ts'
import type { Failure, NodeId } from '../../src/core/kind.ts'
import type { Agenda } from './agenda.ts'
import type { Body } from './program.ts'
import type { Random } from './random.ts'
import { type Counts, count } from './wire.ts'

export const beatMs = 2000
const interestMs = 60_000
/** Small, so that beats come in several messages. */
const maxEntries = 4

export interface Offered extends Ref {
  readonly job: string
  readonly body: Body
}

/** A rule of nodes that is left out, to see that the simulator would notice. */
export interface Mutation {
  readonly leases: 'from arrival'
}

export interface Held extends Offered {
  /** It survived a restart of its node, and waits to be granted. */
  asks?: boolean
  readonly pure: boolean
  is: 'waiting' | 'running'
  until: number
}

export interface Done extends Offered {
  readonly cid: string
}

export interface Failed extends Offered {
  readonly error: Failure
}

export type Fact =
  | { readonly is: 'accepted' | 'started'; readonly job: string; readonly term: number; readonly tasks: readonly { task: string; attempt: number }[] }
  | { readonly is: 'refused'; readonly job: string; readonly term: number; readonly tasks: readonly { task: string; attempt: number; error: Failure }[] }
  | { readonly is: 'done'; readonly job: string; readonly tasks: readonly Done[] }
  | { readonly is: 'failed'; readonly job: string; readonly tasks: readonly (Ref & { error: Failure })[] }
  | { readonly is: 'cancelled'; readonly job: string; readonly tasks: readonly Ref[] }
  | {
      readonly is: 'beat'
      readonly more: boolean
      readonly held: readonly (Ref & { job: string; is: 'waiting' | 'running'; kept?: true })[]
      readonly done: readonly (Ref & { job: string })[]
    }

export interface SimNode {
  readonly id: NodeId
  readonly room: number
  boot: number
  isUp: boolean
  readonly held: Map<string, Held>
  /** What lies on its disk. */
  readonly outbox: Map<string, Done | Failed>
  readonly blocks: Set<string>
  offered(command: { readonly offers: readonly Offered[]; readonly leaseMs: number; readonly from: Moment | undefined; readonly pure: boolean }): void
  cancelled(refs: readonly (Ref & { job: string })[]): void
  granted(command: {
    readonly leaseMs: number
    readonly from: Moment | undefined
    readonly held: readonly (Ref & { job: string })[]
    readonly noted: readonly (Ref & { job: string })[]
  }): void
  closed(job: string): void
  beat(): void
  kill(): void
  /** With a new boot; `keepsDisk`: results and blocks survive. */
  start(keepsDisk: boolean): void
  /** Work of another coordinator takes or frees room. */
  crowd(by: number): void
}

export interface SimNodeOptions {
  readonly id: NodeId
  readonly room: number
  readonly slots: number
  readonly agenda: Agenda
  readonly random: Random
  readonly counts: Counts
  readonly tell: (node: SimNode, fact: Fact, free: number, seq: number, at: number) => void
  readonly mutation: Mutation | undefined
  /** Whether somebody who is up holds it. */
  readonly canFetch: (cid: string) => boolean
  readonly started: (node: SimNode, held: Held) => void
  /** A task takes its node down. */
  readonly poisoned: (node: SimNode) => void
  /** Refuses by its policy. */
  readonly refuses: boolean
}

export const keyOf = ({ job, task, term, attempt }: Ref & { readonly job: string }) => `${job}/${task}#${term}.${attempt}`

export function createNode({ id, room, slots, agenda, random, counts, tell, mutation, canFetch, started, poisoned, refuses }: SimNodeOptions): SimNode {
  let seq = 0
  let crowded = 0
  let heardAt = Number.NEGATIVE_INFINITY
  // No two clocks agree, or run as fast; each start begins anew.
  const rate = 1 + random.pick([-1e-4, 0, 1e-4])
  let startedAt = agenda.now - random.whole(0, 100_000)

  const node: SimNode = {
    id,
    room,
    boot: 1,
    isUp: true,
    held: new Map(),
    outbox: new Map(),
    blocks: new Set(),
    offered({ offers, leaseMs, from, pure }) {
      heardAt = agenda.now
      const until = pure && from === undefined ? clock() + leaseMs - marginMs : rightOf(from, leaseMs)
      for (const offer of offers) take(offer, pure, until)
      startNext()
    },
    cancelled(refs) {
      for (const ref of refs) {
        node.held.delete(keyOf(ref))
        node.outbox.delete(keyOf(ref))
      }
      startNext()
    },
    granted({ leaseMs, from, held, noted }) {
      const until = rightOf(from, leaseMs) ?? 0
      for (const ref of held) {
        const own = node.held.get(keyOf(ref))
        if (own === undefined) continue
        if (own.asks === true && until > 0) count(counts, 'granted after a restart')
        if (until > 0) own.asks = false
        own.until = Math.max(own.until, until)
      }
      for (const ref of noted) node.outbox.delete(keyOf(ref))
    },
    closed(job) {
      for (const [key, held] of node.held) if (held.job === job) node.held.delete(key)
      for (const [key, done] of node.outbox) if (done.job === job) node.outbox.delete(key)
      startNext()
    },
    beat,
    kill() {
      node.isUp = false
      for (const held of node.held.values()) held.is = 'waiting'
    },
    start(keepsDisk) {
      node.isUp = true
      node.boot++
      seq = 0
      startedAt = agenda.now - random.whole(0, 100_000)
      if (keepsDisk) {
        for (const [key, held] of node.held) node.held.set(key, { ...held, is: 'waiting', until: clock() + leaseMs - marginMs, asks: true })
        if (node.held.size > 0) count(counts, 'queue survived')
        return
      }
      node.held.clear()
      node.outbox.clear()
      node.blocks.clear()
    },
    crowd(by) {
      crowded = Math.max(0, Math.min(room, crowded + by))
    },
  }

  const clock = () => (agenda.now - startedAt) * rate
  const rightOf = (from: Moment | undefined, leaseMs: number) =>
    mutation?.leases === 'from arrival' ? clock() + leaseMs - marginMs : untilOf({ boot: node.boot, at: clock() }, from, leaseMs)
  const free = () => Math.max(0, room - crowded - node.held.size)

  function say(fact: Fact): void {
    tell(node, fact, free(), ++seq, Math.floor(clock()))
  }

  function take(offer: Offered, pure: boolean, until: number | undefined): void {
    const { job, term, task, attempt } = offer
    const key = keyOf(offer)
    const own = node.held.get(key)
    const done = node.outbox.get(key)
    if (own !== undefined) say({ is: own.is === 'running' ? 'started' : 'accepted', job, term, tasks: [{ task, attempt }] })
    else if (done !== undefined) sayEnd(done)
    else if (refuses) say({ is: 'refused', job, term, tasks: [{ task, attempt, error: { code: 'REFUSED', message: 'not mine' } }] })
    else if (until === undefined) {
      count(counts, 'offer too late')
      say({ is: 'refused', job, term, tasks: [{ task, attempt, error: { code: 'TOO_LATE', message: 'late' } }] })
    } else if (free() === 0) {
      count(counts, 'refused as full')
      say({ is: 'refused', job, term, tasks: [{ task, attempt, error: { code: 'QUEUE_FULL', message: 'full' } }] })
    } else {
      node.held.set(key, { ...offer, pure, is: 'waiting', until })
      if (running() >= slots) say({ is: 'accepted', job, term, tasks: [{ task, attempt }] })
    }
  }

  const running = () => [...node.held.values()].filter(({ is }) => is === 'running').length

  function startNext(): void {
    for (const [key, held] of node.held) {
      if (running() >= slots) return
      if (held.is === 'running' || held.asks === true) continue
      held.is = 'running'
      started(node, held)
      const { job, term, task, attempt } = held
      say({ is: 'started', job, term, tasks: [{ task, attempt }] })
      const { boot } = node
      agenda.after(random.whole(5, held.body.ms), () => {
        if (node.isUp && node.boot === boot && node.held.get(key) === held) end(key, held)
      })
    }
  }

  function end(key: string, held: Held): void {
    const { job, task, term, attempt, body } = held
    if (body.how === 'poison') {
      count(counts, 'poisoned node')
      poisoned(node)
      return
    }
    node.held.delete(key)
    const missing = body.inputs.find((cid) => !node.blocks.has(cid) && !canFetch(cid))
    const error = missing === undefined ? failureOf(body) : { code: 'INPUT_LOST', message: 'no holder', cid: missing }
    if (error !== undefined) {
      if (missing !== undefined) count(counts, 'input lost')
      const failed = { job, task, term, attempt, body, error }
      node.outbox.set(key, failed)
      sayEnd(failed)
    } else {
      const done = { job, task, term, attempt, body, cid: body.makes }
      if (held.until <= clock()) count(counts, 'finished without a lease')
      node.blocks.add(body.makes)
      node.outbox.set(key, done)
      sayEnd(done)
    }
    startNext()
  }

  function sayEnd(ended: Done | Failed): void {
    const { job, task, term, attempt } = ended
    if ('cid' in ended) say({ is: 'done', job, tasks: [ended] })
    else say({ is: 'failed', job, tasks: [{ task, term, attempt, error: ended.error }] })
  }

  function failureOf({ how }: Body): Failure | undefined {
    if (how === 'never') return { code: 'BAD_DATA', message: 'never' }
    if (how === 'always') return { code: 'TASK_FAILED', message: 'always' }
    if (how === 'flaky' && random.chance(0.3)) return { code: random.pick(['TASK_FAILED', 'UNREACHABLE']), message: 'flaky' }
    return undefined
  }

  function beat(): void {
    const held = [...node.held.values()].map(({ job, task, term, attempt, is, asks }) => ({
      job,
      task,
      term,
      attempt,
      is,
      ...(asks === true ? { kept: true as const } : {}),
    }))
    const done = [...node.outbox.values()].map(({ job, task, term, attempt }) => ({ job, task, term, attempt }))
    for (let at = 0; at === 0 || at < Math.max(held.length, done.length); at += maxEntries) {
      const more = at + maxEntries < Math.max(held.length, done.length)
      say({ is: 'beat', more, held: held.slice(at, at + maxEntries), done: done.slice(at, at + maxEntries) })
    }
    for (const ended of node.outbox.values()) sayEnd(ended)
  }

  function beatOften(): void {
    agenda.after(beatMs, beatOften)
    if (node.isUp && (node.held.size > 0 || node.outbox.size > 0 || agenda.now - heardAt < interestMs)) beat()
  }

  function checkLeases(): void {
    agenda.after(500, checkLeases)
    for (const [key, held] of node.held) {
      if (!node.isUp || held.until > clock() || (held.pure && held.is === 'running')) continue
      count(counts, 'stopped by itself')
      node.held.delete(key)
      const { job, task, term, attempt } = held
      say({ is: 'cancelled', job, tasks: [{ task, term, attempt }] })
    }
    if (node.isUp) startNext()
  }

  agenda.after(random.whole(0, beatMs), beatOften)
  agenda.after(random.whole(0, 500), checkLeases)
  return node
}
