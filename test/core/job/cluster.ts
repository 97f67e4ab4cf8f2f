/**
 * A cluster in one process, for tests of the coordinator: nodes that answer its messages over a wire that
 * is a turn of the event loop. A node runs what its `work` says, keeps results until they are noted, and can be killed.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { Test } from 'tap'
import * as v from 'valibot'
import { decode, encode } from '../../../src/core/cbor.ts'
import { createMembers, type Members } from '../../../src/core/cluster/members.ts'
import { IpdcError, toFailure } from '../../../src/core/errors.ts'
import { type Coordinator, type CoordinatorOptions, createCoordinator } from '../../../src/core/job/coordinator.ts'
import type { Send } from '../../../src/core/job/post.ts'
import { type Artifact, defineKind, type JobContext, type JobStore, type NodeId } from '../../../src/core/kind.ts'
import { kindsOf } from '../../../src/core/kinds.ts'
import { silent } from '../../../src/core/log.ts'
import { type Body, bodies, type Message, type MessageType } from '../../../src/core/wire/message.ts'

/** An address made of a number: of the right form, which is all that core looks at. */
export function fakeCid(number: number): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567'
  const digits = [...Array(6).keys()].map((at) => letters[Math.floor(number / 32 ** at) % 32])
  return `bafkrei${'a'.repeat(46)}${digits.join('')}`
}

export const ToyJob = v.strictObject({ tasks: v.number(), pure: v.optional(v.boolean(), true), input: v.optional(v.string(), '') })
export const ToyTask = v.strictObject({ i: v.number(), input: v.optional(v.string(), '') })
export const ToyResult = v.strictObject({ square: v.number(), cid: v.string() })
export type ToyJob = v.InferOutput<typeof ToyJob>
export type ToyTask = v.InferOutput<typeof ToyTask>
export type ToyResult = v.InferOutput<typeof ToyResult>
export type ToyContext = JobContext<ToyTask, ToyResult>

export const rootOf = (job: Pick<ToyJob, 'tasks'>): Artifact => ({ name: 'root', cid: fakeCid(900_000 + job.tasks), size: 1 })

/** Squares the numbers from 0, then adds up. */
export async function squares(job: ToyJob, ctx: ToyContext): Promise<Artifact> {
  let sum = 0
  const source = Array.from({ length: job.tasks }, (_, i) => ({ i, input: '' }))
  for await (const outcome of ctx.run('square', source)) if (outcome.is === 'done') sum += outcome.result.square
  const expected = source.reduce((all, { i }) => all + i * i, 0)
  if (sum !== expected) throw new IpdcError('INTERNAL', { message: `${sum} where ${expected} was expected` })
  return rootOf(job)
}

export function toyKind(coordinate: (job: ToyJob, ctx: ToyContext) => Promise<Artifact>, ends: 'done' | 'cancelled' = 'done') {
  return defineKind<ToyJob, ToyTask, ToyResult>({
    name: 'toy',
    version: 1,
    schema: { job: ToyJob, task: ToyTask, result: ToyResult },
    ends: () => ends,
    pure: (job) => job.pure,
    host: () => 'thread',
    coordinate: async () => coordinate,
    run: async () => async () => ({ square: 0, cid: '' }),
  })
}

export interface Offered {
  readonly task: string
  readonly attempt: number
  readonly term: number
  readonly job: string
  readonly body: ToyTask
}

export interface NodeOptions {
  readonly id: NodeId
  readonly room?: number
  readonly slots?: number
  readonly boot?: number
  /** Throws to fail; a promise that never resolves hangs. @default squares */
  readonly work?: (offered: Offered) => ToyResult | Promise<ToyResult>
  /** Refuses each offer with this. */
  readonly refuse?: IpdcError
}

type Held = Offered & { is: 'waiting' | 'running' }

export class FakeNode {
  readonly id: NodeId
  readonly boot: number
  readonly held = new Map<string, Held>()
  readonly outbox = new Map<string, Offered & { readonly result: ToyResult }>()
  readonly closed: Body<'job.close'>[] = []
  readonly ran: string[] = []
  isDead = false
  seq = 1
  readonly #room: number
  readonly #slots: number
  readonly #work: NonNullable<NodeOptions['work']>
  readonly #refuse: IpdcError | undefined
  readonly #cluster: Cluster

  constructor(cluster: Cluster, { id, room = 4, slots = 2, boot = 1, work = square, refuse }: NodeOptions) {
    this.#cluster = cluster
    this.id = id
    this.boot = boot
    this.#room = room
    this.#slots = slots
    this.#work = work
    this.#refuse = refuse
  }

  get free(): number {
    return Math.max(0, this.#room - this.held.size)
  }

  get #word(): { readonly free: number; readonly at: number } {
    return { free: this.free, at: Math.floor(this.#cluster.now) }
  }

  tell<T extends MessageType>(type: T, { job, term }: { job?: string; term?: number }, body: Body<T>): void {
    if (!this.isDead)
      this.#cluster.toCoordinator({ type, src: this.id, dst: 'self', job, term, boot: this.boot, seq: ++this.seq, iat: 0, exp: 0, body } as Message)
  }

  beat(): void {
    const held = [...this.held.values()].map(({ job, task, term, attempt, is }) => ({ job, task, term, attempt, is }))
    const done = [...this.outbox.values()].map(({ job, task, term, attempt }) => ({ job, task, term, attempt }))
    this.tell('node.beat', {}, { ...this.#word, more: false, held, done, asks: [] })
    for (const [key] of this.outbox) this.#sendResult(key)
  }

  hear(message: Message): void {
    if (this.isDead) return
    const { job = '', term = 0 } = message
    switch (message.type) {
      case 'task.offer':
        for (const { task, attempt, body } of message.body.tasks) this.#offered({ job, term, task, attempt, body: decode(body) as ToyTask })
        this.#startNext()
        return
      case 'task.cancel':
        for (const each of message.body.tasks) {
          this.held.delete(keyOf({ job, ...each }))
          this.outbox.delete(keyOf({ job, ...each }))
        }
        this.#startNext()
        return
      case 'lease.grant':
        for (const each of message.body.noted) this.outbox.delete(keyOf(each))
        return
      case 'job.close':
        this.closed.push(message.body)
        for (const [key, held] of this.held) if (held.job === job) this.held.delete(key)
        for (const [key, held] of this.outbox) if (held.job === job) this.outbox.delete(key)
        return
      default:
        throw new Error(`A node does not hear ${message.type}`)
    }
  }

  #offered(offered: Offered): void {
    const { job, term, task, attempt } = offered
    const key = keyOf(offered)
    if (this.held.has(key) || this.outbox.has(key)) return
    if (this.#refuse !== undefined || this.free === 0) {
      const error = toFailure(this.#refuse ?? new IpdcError('QUEUE_FULL', { message: 'full' }))
      this.tell('task.refused', { job, term }, { ...this.#word, tasks: [{ task, attempt, error }] })
      return
    }
    this.held.set(key, { ...offered, is: 'waiting' })
    const isNext = [...this.held.values()].filter(({ is }) => is === 'running').length < this.#slots
    if (!isNext) this.tell('task.accepted', { job, term }, { ...this.#word, tasks: [{ task, attempt }] })
  }

  #startNext(): void {
    for (const [key, held] of this.held) {
      if ([...this.held.values()].filter(({ is }) => is === 'running').length >= this.#slots) return
      if (held.is === 'running') continue
      held.is = 'running'
      const { job, term, task, attempt } = held
      this.tell('task.started', { job, term }, { ...this.#word, tasks: [{ task, attempt }] })
      void this.#run(key, held)
    }
  }

  async #run(key: string, held: Held): Promise<void> {
    const { job, term, task, attempt } = held
    this.ran.push(task)
    try {
      const result = await this.#work(held)
      if (!this.held.delete(key)) return
      this.outbox.set(key, { ...held, result })
      this.#sendResult(key)
    } catch (error) {
      if (!this.held.delete(key)) return
      this.tell('task.failed', { job, term }, { ...this.#word, tasks: [{ task, attempt, term, error: toFailure(error), ms: 1 }] })
    }
    this.#startNext()
  }

  #sendResult(key: string): void {
    const entry = this.outbox.get(key)
    if (entry === undefined) return
    const { job, term, task, attempt, result } = entry
    this.tell('task.done', { job, term }, { ...this.#word, tasks: [{ task, attempt, term, result: encode(result), ms: 1 }] })
  }
}

export class Cluster {
  readonly nodes = new Map<NodeId, FakeNode>()
  readonly sent: { readonly dst: NodeId; readonly type: MessageType; readonly body: unknown }[] = []
  members: Members = createMembers()
  coordinator: Coordinator | undefined
  now = 0

  readonly send: Send = (dst, type, { job, term, body }) => {
    v.parse(bodies[type], body)
    this.sent.push({ dst, type, body })
    setImmediate(() => this.nodes.get(dst)?.hear({ type, src: 'self', dst, job, term, boot: 1, seq: 1, iat: 0, exp: 0, body } as Message))
  }

  toCoordinator(message: Message): void {
    v.parse(bodies[message.type], message.body)
    const { coordinator } = this
    setImmediate(() => {
      if (coordinator === this.coordinator) coordinator?.receive(message)
    })
  }

  add(options: NodeOptions): FakeNode {
    const node = new FakeNode(this, options)
    this.nodes.set(node.id, node)
    this.present(node, options)
    return node
  }

  present({ id, boot, seq }: FakeNode, { room = 4, slots = 2 }: NodeOptions): void {
    this.members.next(
      {
        is: 'presence',
        src: id,
        boot,
        seq,
        presence: {
          certificate: new Uint8Array(),
          name: id,
          state: 'up',
          addresses: [],
          slots,
          room,
          kinds: ['toy@1'],
          labels: [],
          engines: [],
          memory: 1 << 30,
          version: '0',
          jobs: 0,
        },
      },
      this.now,
    )
    this.coordinator?.membersChanged()
  }

  /** As kill -9: it is silent, and the others learn that it is gone. */
  kill(node: FakeNode): void {
    node.isDead = true
    this.members.next({ is: 'gone', src: node.id, boot: node.boot, seq: node.seq + 1, closed: true }, this.now)
    this.coordinator?.membersChanged()
  }

  beat(): void {
    for (const node of this.nodes.values()) node.beat()
  }

  async start(t: Test, kind: ReturnType<typeof toyKind>, options: Partial<CoordinatorOptions> & { readonly dir: string }): Promise<Coordinator> {
    const coordinator = createCoordinator({
      self: 'self',
      kinds: kindsOf([kind]),
      clock: { now: () => this.now, wall: () => 1_700_000_000_000 + this.now },
      send: this.send,
      members: this.members,
      store: () => noStore,
      sign: ({ job }) => new TextEncoder().encode(job),
      complete: async () => {},
      log: silent,
      ...options,
    })
    this.coordinator = coordinator
    t.teardown(() => coordinator.close())
    await coordinator.resume()
    return coordinator
  }
}

export const noStore: JobStore = {
  async *cat() {},
  async *ls() {},
  addBytes: async (bytes, name = '') => ({ name, cid: fakeCid(bytes.length), size: bytes.length }),
  addTree: async (_, name = '') => ({ name, cid: fakeCid(1), size: 0 }),
  link: async (_, name = '') => ({ name, cid: fakeCid(2), size: 0 }),
}

export function square({ body: { i } }: Offered): ToyResult {
  return { square: i * i, cid: fakeCid(i) }
}

/** Resolves when `isTrue`, looking once a turn of the event loop. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await turn()
}

export async function ended(coordinator: Coordinator, id: string) {
  for await (const event of coordinator.follow(id)) if (event.is === 'closed') return event.job
  throw new Error(`The stream of ${id} ended before the job did`)
}

function keyOf({ job, task, term, attempt }: Pick<Offered, 'job' | 'task' | 'term' | 'attempt'>): string {
  return `${job}/${task}#${term}.${attempt}`
}
