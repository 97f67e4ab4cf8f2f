/** A lifecycle on the desk: one call an event, a clock that is moved by hand, and short names for what nodes say. */
import { isCid } from '../../../src/core/cids.ts'
import type { Node } from '../../../src/core/cluster/members.ts'
import type { Event, JobOpened, TaskAdded } from '../../../src/core/job/event.ts'
import type { Instruction } from '../../../src/core/job/instruction.ts'
import { next } from '../../../src/core/job/lifecycle.ts'
import { createState, type State, type Task } from '../../../src/core/job/state.ts'
import { fakeCid } from './cluster.ts'

type Of<I extends Instruction['is']> = Instruction & { is: I }
type Fact = Extract<Event, { src: string }>['is']

export class Desk {
  readonly state: State = createState()
  now = 0
  #seq = new Map<string, number>()
  #boots = new Map<string, number>()

  do(event: Event): Said {
    return new Said(next(this.state, event, this.now))
  }

  /** Time passes in steps that are no sleep, with a tick at each. */
  pass(ms: number): Said {
    const said: Instruction[] = []
    for (const end = this.now + ms; this.now < end; ) {
      this.now = Math.min(end, this.now + 500)
      said.push(...next(this.state, { is: 'tick' }, this.now))
    }
    return new Said(said)
  }

  node(id: string, more: Partial<Node> = {}): Said {
    const boot = more.boot ?? this.#boots.get(id) ?? 1
    this.#boots.set(id, boot)
    return this.do({
      is: 'node',
      node: {
        id,
        state: 'up',
        announced: 'up',
        boot,
        seq: 1,
        seenAt: this.now,
        certificate: new Uint8Array(),
        name: id,
        addresses: [],
        slots: 1,
        room: 4,
        kinds: ['toy@1'],
        labels: [],
        engines: [],
        memory: 100,
        jobs: 0,
        version: '0',
        ...more,
      },
    })
  }

  job(id = 'j', more: Partial<JobOpened> = {}): Said {
    const said = this.do({ is: 'job.opened', job: id, term: 1, kind: 'toy@1', pure: true, leaseMs: 10_000, ...more })
    this.do({ is: 'run.opened', job: id, run: 1, stage: 's' })
    return said
  }

  task(name: string, more: Partial<TaskAdded> = {}): Said {
    return this.do({
      is: 'task.added',
      job: 'j',
      run: 1,
      name,
      body: new Uint8Array(),
      key: name,
      prefer: [],
      on: undefined,
      needs: undefined,
      ...more,
    })
  }

  /** What a node says of one task, by default of the attempt that is alive there. */
  says(src: string, is: Exclude<Fact, 'beat'>, task: string, more: Record<string, unknown> = {}): Said {
    const live = [...(this.taskOf(task, more.job)?.live.values() ?? [])].find(({ node }) => node === src)
    const { job = 'j', term = live?.term ?? 1, attempt = live?.attempt ?? 1, free = 4, at = this.now, seq, boot, makes = fakeCid(1), ...rest } = more
    const result = { bytes: new Uint8Array(), value: makes, cids: isCid(String(makes)) ? [makes] : [], ms: 1 }
    return this.do({
      is,
      src,
      ...this.stamp(src, seq, boot),
      at,
      free,
      job,
      term,
      tasks: [{ task, term, attempt, result, ...rest }],
    } as Event)
  }

  fails(src: string, task: string, code: string, more: Record<string, unknown> = {}): Said {
    const { cid } = more
    return this.says(src, 'failed', task, { ...more, error: { code, message: code, ...(cid === undefined ? {} : { cid }) } })
  }

  beat(src: string, more: Record<string, unknown> = {}): Said {
    const { seq, boot, ...rest } = more
    return this.do({ is: 'beat', src, ...this.stamp(src, seq, boot), at: this.now, free: 4, more: false, held: [], done: [], asks: [], ...rest } as Event)
  }

  taskOf(name: string, job: unknown = 'j'): Task | undefined {
    return this.state.jobs.get(String(job))?.tasks.get(name)
  }

  stamp(src: string, seq: unknown, boot: unknown): { seq: unknown; boot: unknown } {
    const own = (this.#seq.get(src) ?? 0) + 1
    this.#seq.set(src, own)
    return { seq: seq ?? own, boot: boot ?? this.#boots.get(src) ?? 1 }
  }
}

/** What came out. */
export class Said {
  readonly all: readonly Instruction[]

  constructor(all: readonly Instruction[]) {
    this.all = all
  }

  of<I extends Instruction['is']>(is: I): Of<I>[] {
    return this.all.filter((instruction): instruction is Of<I> => instruction.is === is)
  }

  /** `task → node` of each offer. */
  get offers(): string[] {
    return this.of('offer').map(({ task, node, attempt }) => `${task}#${attempt} → ${node}`)
  }

  get cancels(): string[] {
    return this.of('cancel').map(({ task, node, term, attempt }) => `${task}#${term}.${attempt} at ${node}`)
  }

  get notes(): string[] {
    return this.of('note').map(({ task, node, term, attempt }) => `${task}#${term}.${attempt} at ${node}`)
  }

  get outcomes(): string[] {
    return this.of('outcome').map(({ task, outcome }) => `${task} ${outcome.is === 'done' ? 'done' : outcome.error.code}`)
  }
}
