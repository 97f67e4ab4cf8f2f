/** The rim of a coordinator in simulated time: feeds the lifecycle, keeps a journal that is synced late, and runs programs in the place of `coordinate`. */
import { isCid } from '../../src/core/cids.ts'
import type { Node } from '../../src/core/cluster/members.ts'
import type { Event } from '../../src/core/job/event.ts'
import type { Instruction, To } from '../../src/core/job/instruction.ts'
import { fold, type JournalEntry } from '../../src/core/job/journal.ts'
import { leaseMs, type Moment } from '../../src/core/job/lease.ts'
import { next } from '../../src/core/job/lifecycle.ts'
import { hasRoom } from '../../src/core/job/ready.ts'
import { createState, type Result, type State } from '../../src/core/job/state.ts'
import type { JobView } from '../../src/core/views.ts'
import type { Agenda } from './agenda.ts'
import { type Checks, type Disk, Violation } from './checks.ts'
import type { Fact, Offered } from './node.ts'
import type { Asked, Program } from './program.ts'
import type { Random } from './random.ts'
import { type Counts, count } from './wire.ts'

export type Command =
  | { readonly is: 'offer'; readonly offers: readonly Offered[]; readonly leaseMs: number; readonly from: Moment | undefined; readonly pure: boolean }
  | { readonly is: 'cancel'; readonly refs: readonly To[] }
  | {
      readonly is: 'grant'
      readonly leaseMs: number
      readonly from: Moment | undefined
      readonly held: readonly Omit<To, 'node'>[]
      readonly noted: readonly To[]
    }
  | { readonly is: 'close'; readonly job: string }

export interface SimCoordinator {
  readonly state: State
  readonly isAlive: boolean
  hear(src: string, boot: number, seq: number, at: number, free: number, fact: Fact): void
  member(node: Node): void
  cancel(job: string): void
  /** SIGSTOP for a while. */
  nap(ms: number): void
  kill(): void
}

export interface SimCoordinatorOptions {
  readonly agenda: Agenda
  readonly random: Random
  readonly counts: Counts
  readonly checks: Checks
  /** Survives it. */
  readonly disks: Map<string, Disk>
  readonly programs: ReadonlyMap<string, Program>
  readonly send: (node: string, command: Command) => void
  readonly canFetch: (cid: string) => boolean
  readonly trace?: Trace | undefined
}

export type Trace = (now: number, event: Event, instruction: Instruction) => void

interface Driving {
  readonly program: Program
  run: number
  source: Asked[]
  readonly asked: Map<string, Asked>
  readonly told: Map<string, 'done' | 'failed'>
  made: string[]
  is: 'running' | 'completing' | 'over'
}

export function createSimCoordinator({ agenda, random, counts, checks, disks, programs, send, canFetch, trace }: SimCoordinatorOptions): SimCoordinator {
  const state = createState()
  const driving = new Map<string, Driving>()
  const touched = new Map<string, Set<string>>()
  let isAlive = true
  let napUntil = 0
  const queue: Event[] = []
  let isApplying = false
  let wants = 0
  const missed: (() => void)[] = []

  /** One event at a time: what its instructions bring about comes after them all, as in the rim, where it is a turn later. */
  function apply(event: Event): void {
    queue.push(event)
    if (isApplying) return
    isApplying = true
    for (let next = queue.shift(); next !== undefined && isAlive; next = queue.shift()) {
      round(next)
      if (queue.length === 0) for (const one of driving.values()) advance(one)
    }
    isApplying = false
  }

  function round(event: Event): void {
    for (const instruction of next(state, event, agenda.now)) {
      trace?.(agenda.now, event, instruction)
      carry(instruction)
    }
  }

  function carry(instruction: Instruction): void {
    switch (instruction.is) {
      case 'offer': {
        const { node, job, task, term, attempt, leaseMs, from, pure } = instruction
        count(counts, 'offered')
        checks.offered(instruction, diskOf(job), (to) => isAnswered(to))
        touch(job, node)
        const body = driving.get(job)?.asked.get(task)?.body
        if (body === undefined) throw new Violation(`${task} offered, but nobody asked for it`)
        send(node, { is: 'offer', leaseMs, from, pure, offers: [{ job, task, term, attempt, body }] })
        return
      }
      case 'cancel':
        count(counts, 'cancelled')
        send(instruction.node, { is: 'cancel', refs: [instruction] })
        return
      case 'grant':
        send(instruction.node, { is: 'grant', leaseMs: instruction.leaseMs, from: instruction.from, held: instruction.held, noted: [] })
        return
      case 'note':
        checks.noted(instruction, diskOf(instruction.job), state)
        send(instruction.node, { is: 'grant', leaseMs, from: undefined, held: [], noted: [instruction] })
        return
      case 'close':
        send(instruction.node, { is: 'close', job: instruction.job })
        return
      case 'commit': {
        const { job, task, stage, node, term, attempt, result } = instruction
        count(counts, term < (state.jobs.get(job)?.term ?? 0) ? 'result of an older term taken' : 'committed')
        append(job, { is: 'committed', task, stage, node, term, attempt, result: result.bytes }, () => apply({ is: 'synced', job, task, term, attempt }))
        return
      }
      case 'withdraw':
        count(counts, 'withdrawn')
        append(instruction.job, { is: 'withdrawn', task: instruction.task })
        return
      case 'charge':
        count(counts, 'charged')
        checks.charged(instruction)
        charge(instruction)
        return
      case 'outcome':
        tell(instruction)
        return
      case 'remade': {
        const one = driving.get(instruction.job)
        if (one?.is === 'completing') complete(one)
        return
      }
      case 'unmade': {
        const one = driving.get(instruction.job)
        // As the rim does: its holder may come back.
        if (one !== undefined) agenda.after(1000, () => isAlive && one.is === 'completing' && complete(one, true))
        return
      }
      case 'event':
        checks.said(instruction)
        touch(instruction.job, instruction.node)
        count(counts, `attempt ${instruction.state}`)
        return
      case 'warn':
        count(counts, 'warning')
        return
      case 'fenced':
        count(counts, `fenced: ${instruction.what}`)
        return
    }
  }

  function charge({ job, task, charge }: Instruction & { is: 'charge' }): void {
    const { node, of } = charge
    if (of !== undefined && of.term < (state.jobs.get(job)?.term ?? 0)) count(counts, 'failure of an older term taken')
    append(
      job,
      { is: 'charged', task, ...charge },
      of && (() => send(node, { is: 'grant', leaseMs, from: undefined, held: [], noted: [{ node, job, task, ...of }] })),
    )
  }

  function isAnswered({ node, job, task, term, attempt }: To): boolean {
    const live = state.jobs.get(job)?.tasks.get(task)?.live.get(`${term}.${attempt}`)
    return live === undefined || live.node !== node || live.is !== 'offered'
  }

  function tell({ job, task, outcome }: Instruction & { is: 'outcome' }): void {
    const one = driving.get(job)
    const asked = one?.asked.get(task)
    if (one === undefined || asked === undefined) throw new Violation(`outcome of ${task}, which nobody asked for`)
    if (one.told.has(task)) throw new Violation(`a second outcome of ${task}`)
    one.told.set(task, outcome.is)
    if (outcome.is === 'failed') {
      count(counts, 'task failed')
      return
    }
    if (outcome.value !== asked.body.makes) throw new Violation(`${task} gave ${String(outcome.value)}`)
    one.made.push(asked.body.makes)
  }

  /** The source, while there is room; then the next stage, or the end. */
  function advance(one: Driving): void {
    const { program } = one
    const job = state.jobs.get(program.id)
    // What was asked for is taken in first.
    if (one.is === 'running' && job?.runs.has(one.run) && queue.length === 0) {
      const asked = one.source[0]
      if (asked === undefined) {
        if (one.told.size < one.asked.size) return
        nextStage(one)
      } else {
        if (!hasRoom(state, program.id)) return
        if (program.is === 'chain' && one.told.size < one.asked.size) return
        one.source.shift()
        one.asked.set(asked.name, asked)
        const { name, on } = asked
        apply({ is: 'task.added', job: program.id, run: one.run, name, body: new Uint8Array(), key: name, prefer: [], on, needs: undefined })
        if (one.source.length === 0) apply({ is: 'run.ended', job: program.id, run: one.run })
      }
      if (program.is === 'leave' && one.told.size > program.maps.length / 2) {
        count(counts, 'left')
        apply({ is: 'run.left', job: program.id, run: one.run })
        complete(one)
      }
    }
  }

  function nextStage(one: Driving): void {
    const { program, run } = one
    const reduces = run === 1 ? program.reduces([...one.made].sort()) : []
    if (reduces.length === 0) {
      complete(one)
      return
    }
    apply({ is: 'run.left', job: program.id, run })
    one.run = run + 1
    one.made = []
    apply({ is: 'run.opened', job: program.id, run: one.run, stage: 'reduce' })
    one.source = [...reduces]
  }

  function complete(one: Driving, isLast = false): void {
    const { id } = one.program
    one.is = 'completing'
    const missing = one.made.find((cid) => isCid(cid) && !canFetch(cid))
    if (missing === undefined) end(one, 'done')
    else if (isLast) {
      count(counts, 'root lost')
      end(one, 'failed')
    } else {
      count(counts, 'root not whole')
      apply({ is: 'lost', job: id, cid: missing, want: ++wants })
    }
  }

  function end(one: Driving, how: 'done' | 'failed' | 'cancelled'): void {
    const { id } = one.program
    one.is = 'over'
    count(counts, `job ${how}`)
    apply({ is: 'job.closed', job: id, why: how })
    append(id, { is: 'closed', how, view: { id, state: how } as JobView }, () => {
      for (const node of touched.get(id) ?? []) send(node, { is: 'close', job: id })
    })
  }

  function append(job: string, entry: JournalEntry, synced?: () => void): void {
    const disk = diskOf(job)
    disk.entries.push(entry)
    checks.appended(job, disk, programOf(job))
    const length = disk.entries.length
    agenda.after(random.whole(1, 50), () => {
      if (!isAlive) return
      disk.synced = Math.max(disk.synced, length)
      synced?.()
    })
  }

  function programOf(job: string): Program {
    const program = programs.get(job)
    if (program === undefined) throw new Violation(`no program of ${job}`)
    return program
  }

  function diskOf(job: string): Disk {
    const disk = disks.get(job)
    if (disk === undefined) throw new Violation(`no journal of ${job}`)
    return disk
  }

  function touch(job: string, node: string): void {
    const nodes = touched.get(job) ?? new Set()
    touched.set(job, nodes.add(node))
  }

  function start(program: Program): void {
    const { id } = program
    const disk = disks.get(id)
    const record = disk === undefined ? undefined : fold(disk.entries)
    if (record?.closed !== undefined) return
    const term = (record?.term ?? 0) + 1
    const entries: JournalEntry[] = disk?.entries ?? [{ is: 'opened', job: id, kind: 'toy@1', wall: 0 }]
    entries.push({ is: 'term', term })
    disks.set(id, { entries, synced: entries.length })
    const committed = new Map(
      [...(record?.committed ?? [])].map(([name, { node, term, attempt, result }]) => {
        const cid = new TextDecoder().decode(result)
        return [name, { node, term, attempt, value: cid, cids: [cid].filter(isCid) }] as const
      }),
    )
    const one: Driving = { program, run: 1, source: [...program.maps], asked: new Map(), told: new Map(), made: [], is: 'running' }
    driving.set(id, one)
    for (const { node } of committed.values()) touch(id, node)
    apply({
      is: 'job.opened',
      job: id,
      term,
      kind: 'toy@1',
      pure: program.pure,
      leaseMs,
      nodes: program.nodes,
      resumed: record === undefined ? undefined : { committed, charged: record.charged },
    })
    apply({ is: 'run.opened', job: id, run: 1, stage: 'map' })
  }

  function awake(what: () => void): void {
    if (!isAlive) return
    if (agenda.now < napUntil || missed.length > 0) missed.push(what)
    else what()
  }

  function tick(): void {
    if (!isAlive) return
    agenda.after(500, tick)
    if (agenda.now < napUntil) return
    apply({ is: 'tick' })
    checks.consistent(state)
    for (const what of missed.splice(0)) if (isAlive) what()
  }

  checks.restarted()
  for (const program of programs.values()) start(program)
  tick()

  return {
    state,
    get isAlive() {
      return isAlive
    },
    hear: (src, boot, seq, at, free, fact) =>
      awake(() => {
        checks.heard(src, boot, seq, free)
        apply(eventOf(src, boot, seq, at, free, fact))
      }),
    member: (node) =>
      awake(() => {
        checks.member(node)
        apply({ is: 'node', node })
      }),
    cancel: (job) =>
      awake(() => {
        const one = driving.get(job)
        if (one !== undefined && one.is !== 'over') end(one, 'cancelled')
      }),
    nap(ms) {
      napUntil = agenda.now + ms
    },
    kill() {
      isAlive = false
      // Of what was not synced some may have reached the disk all the same.
      for (const disk of disks.values()) {
        disk.entries.length = random.whole(disk.synced, disk.entries.length)
        disk.synced = disk.entries.length
      }
    },
  }
}

function eventOf(src: string, boot: number, seq: number, at: number, free: number, fact: Fact): Event {
  const said = { src, boot, seq, at, free }
  switch (fact.is) {
    case 'beat':
      return { ...said, ...fact, asks: [] }
    case 'done':
      return { ...said, is: 'done', job: fact.job, tasks: fact.tasks.map(({ task, term, attempt, cid }) => ({ task, term, attempt, result: resultOf(cid) })) }
    case 'accepted':
    case 'started':
    case 'refused':
    case 'failed':
    case 'cancelled':
      return { ...said, ...fact }
  }
}

function resultOf(cid: string): Result {
  return { bytes: new TextEncoder().encode(cid), value: cid, cids: [cid].filter(isCid), ms: 1 }
}
