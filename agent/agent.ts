/**
 * One node: builds every room, ties them together, takes them down in the opposite order. Rooms are given what they need and
 * know nothing of each other; who hears what stands here.
 */
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
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
import { createCheck } from './check.ts'
import { startCompanions } from './companions.ts'
import { openConnection } from './connection.ts'
import { agentRoutes } from './control/agent-routes.ts'
import { jobRoutes } from './control/job-routes.ts'
import { queueRoutes } from './control/queue-routes.ts'
import { listen } from './control/server.ts'
import { storeRoutes, uploadPin } from './control/store-routes.ts'
import type { Start } from './flags.ts'
import { watchHealth } from './health.ts'
import { createIdleness } from './idleness.ts'
import { createJobStore } from './job-store.ts'
import { resultPin } from './jobs.ts'
import { createLoop } from './loop.ts'
import { createNeighbours } from './neighbours.ts'
import { createOrders } from './orders.ts'
import { createPresence } from './presence.ts'
import { createReading } from './reading.ts'
import { createRenewal } from './renewal.ts'
import { createRoute } from './route.ts'
import { version } from './version.ts'
import { createViews } from './views.ts'
import { openWork } from './work.ts'

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
  const { home, boot, membership, name } = base
  const { domain, identity } = membership
  const self = identity.id
  const stopping = new AbortController()

  // --- what it stands on
  const health = watchHealth(() => work.table.size > 0 || coordinator.openJobs > 0)
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
  /** What a node says may come before its presence does. */
  const bootOf = (node: string) => {
    const member = members.get(node)
    return member && Math.max(member.boot, opener.bootOf(node) ?? 0)
  }
  const sealer = createSealer({ domain, identity, boot, wall: clock.wall, bootOf })
  const opener = createOpener({ domain, self, boot, wall: clock.wall, keyOf, certificates })

  // --- the work of others
  // Companions share this machine's processors with us.
  const slots = config.slots ?? Math.max(1, Math.round(availableParallelism() / (1 + (companions ?? 0))))
  const loop = createLoop({ self, boot, wall: clock.wall, hear: (message) => hear(message) })
  undo.push(() => loop.stop())
  const work = await openWork({
    config,
    base,
    slots,
    kinds,
    store,
    broker,
    sealer,
    loop,
    check: createCheck({ policy: config.policy, self, domain, keyOf, clock }),
    reader: (node) => reading.fetcher(node).reader,
    isCoordinating: () => coordinator.openJobs > 0,
    changed: () => void presence.announce(),
    clock,
    log,
    undo,
  })
  const { queue, capacity, sender, beats, desk, status } = work

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

  // --- how others reach us
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
    room: work.room,
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
  const route = createRoute({ intake: work.intake, beats, coordinator, interested: (id, what) => work.interest.touch(id, clock.now(), what), log })
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
  await work.start()
  neighbours.start()
  await presence.start()
  renewal.start()
  await work.tell()
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
    outbox: work.outbox,
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
      const drained = work.drain(hurry)
      await presence.announce(AbortSignal.timeout(farewellMs))
      await drained
      stopping.abort()
      await takeDown()
      log.info({}, 'agent stopped')
    },
  }
}
