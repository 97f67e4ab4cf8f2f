/**
 * One node: builds every room, ties them together, takes them down in the opposite order. Rooms are given what they need and
 * know nothing of each other; who hears what stands here.
 */
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import type { NodeStatus } from '../src/core/client/api.ts'
import { socketOf } from '../src/core/client/home.ts'
import { createMembers } from '../src/core/cluster/members.ts'
import { type Coordinator, createCoordinator } from '../src/core/job/coordinator.ts'
import { kindsOf, labelOf } from '../src/core/kinds.ts'
import type { Log } from '../src/core/log.ts'
import type { Clock } from '../src/core/ports.ts'
import { createEmbeddedStore } from '../src/core/store/embedded.ts'
import { createGateway } from '../src/core/transfer/gateway.ts'
import { createCertificateReader } from '../src/core/trust/certificate.ts'
import { signManifest } from '../src/core/trust/manifest.ts'
import { checkRequest } from '../src/core/trust/request.ts'
import { createOpener, createSealer } from '../src/core/wire/envelope.ts'
import type { Message, NodePresence } from '../src/core/wire/message.ts'
import { plugins } from '../src/plugins/index.ts'
import { createAir } from './air.ts'
import { createAsking } from './asking.ts'
import { openBase } from './base.ts'
import { createBeats } from './beats.ts'
import { type Capacity, createCapacity } from './capacity.ts'
import { createCheck } from './check.ts'
import { startCompanions } from './companions.ts'
import { openConnection } from './connection.ts'
import { agentRoutes } from './control/agent-routes.ts'
import { jobRoutes } from './control/job-routes.ts'
import { queueRoutes } from './control/queue-routes.ts'
import { listen } from './control/server.ts'
import { storeRoutes, uploadPin } from './control/store-routes.ts'
import { createInterest } from './credits.ts'
import { createDesk } from './desk.ts'
import { createExecutor } from './executor.ts'
import type { Start } from './flags.ts'
import { watchHealth } from './health.ts'
import { createTable } from './held.ts'
import { createThreads } from './hosts/thread.ts'
import { createIdleness } from './idleness.ts'
import { createIntake } from './intake.ts'
import { createJobStore } from './job-store.ts'
import { openJobs, resultPin } from './jobs.ts'
import { createLoop } from './loop.ts'
import { openMeter } from './meter.ts'
import { createNeighbours } from './neighbours.ts'
import { createOrders } from './orders.ts'
import { maxResults, openOutbox } from './outbox.ts'
import { createPlaces } from './places.ts'
import { createPresence } from './presence.ts'
import { createProgress } from './progress.ts'
import { openQueue } from './queue/open.ts'
import { createReading } from './reading.ts'
import { openRecovery } from './recovery.ts'
import { createRenewal } from './renewal.ts'
import { createRoom, mostPerSlot } from './room.ts'
import { createRoute } from './route.ts'
import { createSender } from './sender.ts'
import { version } from './version.ts'
import { createViews } from './views.ts'

/** For the last words to reach the broker. @default 1_000 (ms) */
const farewellMs = 1_000

export interface Agent {
  readonly node: string
  /** URL of the broker that it uses. */
  readonly url: string
  /** In good order: after running tasks, or at once when `hurry` is aborted. */
  stop(hurry: AbortSignal): Promise<void>
}

export interface AgentOptions extends Pick<Start, 'home' | 'config' | 'companions' | 'until'> {
  readonly log: Log
  /** A client asked, or nothing is left to do. */
  readonly stop: (now: boolean) => void
}

const clock: Clock = { now: () => performance.now(), wall: () => Date.now() }

/** @throws ALREADY_RUNNING, NO_BROKER, NOT_MEMBER, BAD_CONFIG, IO … */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const undo: (() => unknown)[] = []
  const takeDown = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    return await build(options, undo, takeDown)
  } catch (error) {
    await takeDown()
    throw error
  }
}

async function build(
  { home: path, config, companions, until, log, stop }: AgentOptions,
  undo: (() => unknown)[],
  takeDown: () => Promise<void>,
): Promise<Agent> {
  const base = await openBase({ path, name: config.name, isThrowAway: companions !== undefined, wall: clock.wall(), undo })
  const { home, boot, membership, name, states } = base
  const { domain, identity } = membership
  const self = identity.id
  const stopping = new AbortController()

  // --- what it stands on
  const health = watchHealth(() => table.size > 0 || coordinator.openJobs > 0)
  undo.push(() => health.stop())
  const store = await createEmbeddedStore({ path: join(home, 'store'), limit: config.store.limit, log: log.child({ room: 'store' }) })
  undo.push(() => store.close())
  const kinds = kindsOf(plugins)
  const members = createMembers()
  const connection = await openConnection({ config, home, self, log })
  undo.push(() => connection.close())
  const { broker } = connection
  const certificates = createCertificateReader(domain)
  const keyOf = (node: string) => {
    const member = members.get(node)
    return member === undefined ? undefined : certificates(member.certificate, clock.wall()).publicKey
  }
  const sealer = createSealer({ domain, identity, boot, wall: clock.wall, bootOf: (node) => members.get(node)?.boot })
  const opener = createOpener({ domain, self, boot, wall: clock.wall, keyOf, certificates })

  // --- what it holds of others' work
  // Companions share this machine's processors with us.
  const slots = config.slots ?? Math.max(1, Math.round(availableParallelism() / (1 + (companions ?? 0))))
  const room = createRoom()
  const queue = await openQueue({ config: config.queue, home, node: self, limit: mostPerSlot * slots, log: log.child({ room: 'queue' }) })
  undo.push(() => queue.close())
  const table = createTable(clock.now)
  const interest = createInterest()
  const meter = openMeter({ paths: [home], clock })
  const capacity: Capacity = createCapacity({
    given: slots,
    cores: availableParallelism(),
    home,
    meter,
    queue,
    outbox: {
      get size() {
        return outbox.size
      },
      limit: maxResults,
    },
    clock,
    log,
    changed() {
      queue.resize(capacity.slots)
      beats.tellAllRoom()
      void presence.announce()
    },
    looked: () => void desk.tidy(),
  })
  undo.push(() => capacity.stop())
  const places = createPlaces({ queue, table, interest, room, capacity, clock, tell: (id) => beats.tellRoom(id) })
  undo.push(() => places.stop())
  const { free } = places
  const loop = createLoop({ self, boot, wall: clock.wall, hear: (message) => hear(message) })
  undo.push(() => loop.stop())
  const sender = createSender({ domain: domain.id, broker, sealer, free, loop, holdsMore: (id) => table.count(id) > 1, now: clock.now, log })
  const outbox = await openOutbox({ path: join(home, 'outbox.log'), sender, log })
  undo.push(() => outbox.close())
  const jobs = await openJobs({ store, states, clock, log, isIdle: () => table.size === 0 && coordinator.openJobs === 0 })
  undo.push(() => jobs.stop())
  await jobs.sweep()

  // --- our own jobs
  const reading = createReading({ store, members, membership, clock, log, held: (cid) => coordinator.holders(cid) })
  const coordinator: Coordinator = createCoordinator({
    self,
    dir: base.journal,
    kinds,
    clock,
    members,
    store: (job) => createJobStore({ job, self, store, reader: reading.fetcher(self).reader, signal: stopping.signal }),
    send: (dst, type, { body, ...header }) => sender.send(dst, type, header, body),
    sign: (fields) => signManifest({ ...fields, domain: domain.id, node: self, limits: {}, permissions: {} }, identity),
    complete: (root, job, signal) => reading.fetcher(self).fetch(root.cid, { pin: resultPin(job), signal }),
    changed: (job, is) => void air.follow(job, is),
    log: log.child({ room: 'job' }),
  })
  undo.push(() => coordinator.close())

  // --- the work of others
  const check = createCheck({ policy: config.policy, self, domain, keyOf, clock })
  const intake = createIntake({
    table,
    queue,
    outbox,
    jobs,
    sender,
    boot,
    kinds,
    clock,
    log,
    check,
    closed: () => (capacity.slots === 0 ? capacity.reason : undefined),
  })
  const beats = createBeats({ table, queue, outbox, jobs, interest, sender, boot, free, decided: () => recovery.look(), clock, log })
  const recovery = await openRecovery({ queue, table, jobs, tell: beats.beat, end: beats.end, clock, log })
  undo.push(() => recovery.stop())
  const desk = createDesk({ queue, table, capacity, end: beats.end, clock, log })
  const hosts = createThreads()
  undo.push(() => hosts.close())
  const progress = createProgress({ domain: domain.id, broker, sealer, log })
  undo.push(() => progress.stop())
  const reader = (coordinator: string) => reading.fetcher(coordinator).reader
  const executor = createExecutor({
    self,
    queue,
    table,
    slots,
    hosts,
    kinds,
    outbox,
    sender,
    store,
    clock,
    log,
    scratch: base.scratch,
    states,
    reader,
    took: room.took,
    progress: progress.tell,
    settled(id) {
      progress.forget(id)
      places.freed()
      jobs.collect()
    },
  })

  // --- how others reach us
  const status = (): NodeStatus => {
    const { reason } = capacity
    const { use } = config.queue
    const { waiting, running, limit } = queue.size
    const full = waiting + running >= places.room ? 'full' : undefined
    return { node: self, now: capacity.slots, slots, reason: reason ?? full, queue: { use, waiting, running, limit } }
  }
  const asking = createAsking({ members, membership, clock })
  const gateway = await createGateway({
    store,
    host: config.gateway.host,
    port: config.gateway.port,
    open: config.gateway.open,
    health: { node: self, boot },
    check: (headers, method, path) => checkRequest(headers, { method, path, self, domain, wall: clock.wall(), certificates }),
    holders: reading.holders,
    tells: { '/status': status, '/queue': () => desk.list() },
    obeys: { '/queue': createOrders({ self, boot, domain, certificates, desk, clock, log }) },
    log: log.child({ room: 'gateway' }),
  })
  undo.push(() => gateway.close())
  const describe = (): NodePresence => ({
    certificate: membership.certificate,
    name,
    state: capacity.reason === 'draining' ? 'draining' : 'up',
    addresses: [gateway.url],
    slots,
    now: capacity.slots,
    ...(capacity.reason === undefined ? {} : { reason: capacity.reason }),
    room: places.room,
    kinds: plugins.map(labelOf),
    labels: [...config.labels],
    engines: [],
    memory: totalmem(),
    version,
    jobs: coordinator.openJobs,
  })
  const presence = createPresence({ domain: domain.id, self, certificate: () => membership.certificate, broker, sealer, describe, log })
  const renewal = createRenewal({ membership, clock, renewed: () => void presence.renewed(), log })
  undo.push(() => renewal.stop())
  const neighbours = createNeighbours({
    members,
    self,
    clock,
    log,
    changed(node, isNew) {
      coordinator.membersChanged()
      // A coordinator that started anew waits for what is left of its jobs.
      if (isNew && (node.jobs > 0 || beats.concerns(node.id))) beats.beat(node.id)
    },
  })
  undo.push(() => neighbours.stop())
  const route = createRoute({ intake, beats, coordinator, interested: (id, what) => interest.touch(id, clock.now(), what), log })
  const hear = async (message: Message) => {
    health.count(message.type)
    neighbours.hear(message)
    await route(message)
  }
  const air = createAir({
    domain: domain.id,
    self,
    broker,
    opener,
    hear,
    log,
  })

  // --- on the air
  await coordinator.resume()
  if (coordinator.openJobs === 0) await store.unpin(uploadPin)
  await air.start()
  broker.onStatus(({ is }) => coordinator.wireChanged(is === 'up'))
  await capacity.start()
  executor.start()
  queue.resize(capacity.slots)
  queue.onChange((change) => {
    if (change.is === 'lost') beats.lost(change.ids)
    capacity.refresh()
  })
  neighbours.start()
  await presence.start()
  renewal.start()
  beats.start()
  await recovery.start()
  undo.push(async () => {
    beats.stop()
    await sender.flush(AbortSignal.timeout(farewellMs))
    await presence.stop(AbortSignal.timeout(farewellMs))
  })

  // --- the companions of a throw-away domain, and the socket
  if (companions !== undefined && membership.root !== undefined) {
    const others = await startCompanions({
      count: companions,
      membership: { ...membership, root: membership.root },
      broker: connection.url,
      slots,
      wall: clock.wall(),
      log,
    })
    undo.push(() => others.stop())
  }
  const idle = createIdleness({ isIdle: () => until === 'idle' && coordinator.openJobs === 0, end: () => stop(true) })
  undo.push(() => idle.stop())
  const views = createViews({
    home,
    name,
    membership,
    throwAway: companions !== undefined,
    connection,
    gateway,
    fetchedBytes: () => reading.fetchedBytes,
    queue,
    store,
    outbox,
    health,
    refused: opener.refused,
    sent: sender.sent,
    openJobs: () => coordinator.openJobs,
    members,
    clock,
    status,
    asking,
  })
  const control = await listen({
    socket: socketOf(home),
    routes: [
      ...agentRoutes({ view: views.agent, nodes: views.nodes, stop, session: idle.session }),
      ...jobRoutes({ coordinator, store, self }),
      ...queueRoutes({ self, desk, asking }),
      ...storeRoutes({ store, reader: reading.fetcher(self).reader }),
    ],
    log: log.child({ room: 'control' }),
  })
  undo.push(() => control.close())
  health.start()
  log.info({ node: self, name, home, domain: domain.id, broker: connection.url, gateway: gateway.url, slots }, 'agent ready')

  return {
    node: self,
    url: connection.url,
    async stop(hurry) {
      capacity.drain()
      intake.drain()
      await presence.announce(AbortSignal.timeout(farewellMs))
      await queue.drain(hurry)
      stopping.abort()
      await takeDown()
      log.info({}, 'agent stopped')
    },
  }
}
