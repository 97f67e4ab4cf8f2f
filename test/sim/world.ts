/** One run of the simulator: a cluster, some jobs, a minute of faults, then peace. All of it follows from the seed. */
import type { Node } from '../../src/core/cluster/members.ts'
import { fold } from '../../src/core/job/journal.ts'
import { createAgenda } from './agenda.ts'
import { createChecks, type Disk, Violation } from './checks.ts'
import { type Command, createSimCoordinator, type SimCoordinator, type Trace } from './coordinator.ts'
import { createNode, type Mutation, type SimNode } from './node.ts'
import { createProgram, type Program } from './program.ts'
import { createRandom } from './random.ts'
import { type Counts, count, createWire } from './wire.ts'

const faultsMs = 60_000
/** All jobs end so long after the faults have stopped, at most. */
const peaceMs = 7_200_000
/** What is left on nodes is gone so long after the last job has ended. */
const cleanMs = 15_000

/** @throws Violation */
export function simulate(seed: number, counts: Counts, trace?: Trace, mutation?: Mutation): void {
  const random = createRandom(seed)
  const agenda = createAgenda()
  const wire = createWire(agenda, random, counts)
  const checks = createChecks()
  const disks = new Map<string, Disk>()
  const ids = Array.from({ length: random.whole(1, 5) }, (_, at) => `n${at}`)
  const programs = new Map<string, Program>()
  // Some runs are all about leases: long tasks that must not run twice at once, slow messages, and nodes that cannot be heard.
  const isAboutLeases = random.chance(0.2)
  for (let at = 0; at < random.whole(1, isAboutLeases ? 1 : 3); at++) programs.set(`job-${at}`, createProgram(random, `job-${at}`, ids, isAboutLeases))
  const nodes: SimNode[] = ids.map((id, at) =>
    createNode({
      id,
      room: random.whole(1, 6),
      slots: random.whole(1, 2),
      agenda,
      random,
      counts,
      mutation,
      refuses: at > 0 && random.chance(0.05),
      tell(node, fact, free, seq, at) {
        if (fact.is === 'done') for (const done of fact.tasks) checks.ran(node, done)
        const { boot } = node
        wire.send(node.id, 'coordinator', () => coordinator?.hear(node.id, boot, seq, at, free, fact), false)
      },
      canFetch,
      started: (node, held) => checks.started(node, held, nodes, programs.get(held.job)!),
      poisoned: die,
    }),
  )
  const byId = new Map(nodes.map((node) => [node.id, node]))
  let coordinator: SimCoordinator | undefined
  let isPeace = false

  function canFetch(cid: string): boolean {
    return nodes.some((node) => node.isUp && !wire.cut.has(node.id) && node.blocks.has(cid))
  }

  function send(to: string, command: Command): void {
    const deliver = () => {
      const node = byId.get(to)
      if (node?.isUp !== true) return
      if (command.is === 'offer') node.offered(command)
      else if (command.is === 'cancel') node.cancelled(command.refs)
      else if (command.is === 'grant') node.granted(command)
      else node.closed(command.job)
    }
    wire.send('coordinator', to, deliver, true)
  }

  function start(): void {
    if (coordinator !== undefined) return
    coordinator = createSimCoordinator({ agenda, random, counts, checks, disks, programs, send, canFetch, trace })
    const mine = coordinator
    for (const node of nodes) {
      // Retained presence comes soon; each node that hears of the new coordinator beats.
      agenda.after(random.whole(0, 1500), () => {
        if (!node.isUp) return
        if (!isSilent(node) || random.chance(0.5)) mine.member(memberOf(node, 'up'))
        if (!isSilent(node)) node.beat()
      })
    }
  }

  function die(node: SimNode): void {
    if (!node.isUp) return
    count(counts, 'node died')
    const { boot } = node
    node.kill()
    const isDead = () => !node.isUp && node.boot === boot
    agenda.after(random.whole(100, 1000), () => isDead() && coordinator?.member(memberOf(node, 'suspect')))
    agenda.after(random.whole(1000, 6000), () => isDead() && coordinator?.member(memberOf(node, 'gone')))
    agenda.after(isPeace ? 2000 : random.whole(500, 30_000), () => isDead() && revive(node))
  }

  function revive(node: SimNode): void {
    count(counts, 'node started again')
    node.start(random.chance(0.5))
    agenda.after(random.whole(10, 1500), () => node.isUp && coordinator?.member(memberOf(node, 'up')))
  }

  /** One way or both. */
  function cutOff(node: SimNode): void {
    if (isSilent(node) || !node.isUp) return
    count(counts, 'partition')
    const silent = random.chance(0.5) ? wire.cut : wire.mute
    silent.add(node.id)
    if (random.chance(0.5)) agenda.after(8000, () => isSilent(node) && coordinator?.member(memberOf(node, 'gone')))
    agenda.after(random.whole(2000, 40_000), () => heal(node))
  }

  function isSilent({ id }: SimNode): boolean {
    return wire.cut.has(id) || wire.mute.has(id)
  }

  function heal(node: SimNode): void {
    if (!isSilent(node)) return
    wire.cut.delete(node.id)
    wire.mute.delete(node.id)
    agenda.after(random.whole(10, 1000), () => node.isUp && coordinator?.member(memberOf(node, 'up')))
  }

  function crash(): void {
    if (coordinator?.isAlive !== true) return
    count(counts, 'coordinator killed')
    coordinator.kill()
    coordinator = undefined
    agenda.after(isPeace ? 100 : random.whole(100, 8000), start)
  }

  /** Somebody says that another node's attempt is done. */
  function forge(): void {
    const state = coordinator?.state
    const attempts = [...(state?.books.values() ?? [])].flatMap(({ attempts }) => [...attempts])
    if (attempts.length === 0 || nodes.length < 2) return
    const { task, term, attempt, node } = random.pick(attempts)
    const liar = random.pick(nodes.filter(({ id }) => id !== node))
    count(counts, 'forged')
    const forged = { job: task.job.id, task: task.name, term, attempt, cid: 'forged', body: { how: 'well', ms: 0, inputs: [], makes: '' } } as const
    coordinator?.hear(liar.id, liar.boot, 0, 0, 99, { is: 'done', job: task.job.id, tasks: [forged] })
  }

  function plan(meanMs: number, what: () => void): void {
    const again = () => {
      if (isPeace) return
      what()
      agenda.after(random.whole(1, 2 * meanMs), again)
    }
    agenda.after(random.whole(1, 2 * meanMs), again)
  }

  wire.weather = {
    loss: random.pick([0, 0.02, 0.15]),
    doubling: random.pick([0, 0.02, 0.15]),
    slow: random.pick([0, 0.05, 0.2, 0.5]),
    slowMs: random.pick([500, 4000, 9000, 15_000]),
  }
  if (isAboutLeases) wire.weather = { loss: 0.02, doubling: 0.02, slow: 0.5, slowMs: random.pick([9000, 30_000]) }
  start()
  if (random.chance(isAboutLeases ? 0.2 : 0.7)) plan(random.pick([5000, 20_000]), () => die(random.pick(nodes)))
  if (isAboutLeases || random.chance(0.5)) plan(random.pick([4000, 8000, 20_000]), () => cutOff(random.pick(nodes)))
  if (random.chance(0.5)) plan(random.pick([8000, 15_000, 30_000]), crash)
  if (random.chance(0.2)) plan(20_000, () => coordinator?.nap(random.whole(1000, 15_000)))
  if (random.chance(0.3)) plan(2000, () => random.pick(nodes).crowd(random.whole(-3, 3)))
  if (random.chance(0.3)) plan(5000, forge)
  for (const id of programs.keys()) if (random.chance(0.1)) agenda.after(random.whole(0, faultsMs), () => coordinator?.cancel(id))

  const isOver = () => [...programs.keys()].every((id) => disks.has(id) && fold(disks.get(id)!.entries)?.closed !== undefined)
  agenda.runTo(faultsMs, () => false)
  isPeace = true
  wire.weather = { loss: 0, doubling: 0, slow: 0, slowMs: 0 }
  for (const node of nodes) {
    node.crowd(-99)
    heal(node)
    if (!node.isUp) revive(node)
  }
  start()
  let looks = 0
  agenda.runTo(faultsMs + peaceMs, () => ++looks % 50 === 0 && isOver())
  if (!isOver()) throw new Violation(`jobs still open ${peaceMs} ms after the faults have stopped: ${describe(coordinator)}`)
  agenda.runTo(agenda.now + cleanMs, () => false)
  for (const node of nodes) {
    const left = [...node.held.keys(), ...node.outbox.keys()]
    if (node.isUp && left.length > 0) throw new Violation(`${node.id} still holds ${left.join(', ')}`)
  }
}

function memberOf({ id, boot, room }: SimNode, state: Node['state']): Node {
  return {
    id,
    state,
    announced: 'up',
    boot,
    seq: 1,
    seenAt: 0,
    certificate: new Uint8Array(),
    name: id,
    addresses: [],
    slots: 1,
    room,
    kinds: ['toy@1'],
    labels: [],
    engines: [],
    memory: 1,
    version: '0',
    jobs: 0,
  }
}

function describe(coordinator: SimCoordinator | undefined): string {
  const open = [...(coordinator?.state.jobs.values() ?? [])].flatMap(({ id, tasks }) =>
    [...tasks.values()].filter(({ is }) => is !== 'done' && is !== 'failed').map(({ name, is, live }) => `${id} ${name} ${is} ${[...live.keys()].join('+')}`),
  )
  const books = [...(coordinator?.state.books.values() ?? [])].map(
    ({ id, node, free, unanswered, boot }) => `${id}#${boot} ${node?.state} free ${free} unanswered ${unanswered}`,
  )
  return `${open.join('; ')} | ${books.join('; ')}`
}
