/**
 * The work of others on this node: where it waits, how many run at once, how it comes, runs and ends, and how its coordinators
 * hear of it.
 */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { NodeStatus } from '../src/core/client/api.ts'
import type { Config } from '../src/core/config.ts'
import type { NodeId } from '../src/core/kind.ts'
import type { Kinds } from '../src/core/kinds.ts'
import type { Log } from '../src/core/log.ts'
import type { Broker, Clock, Store } from '../src/core/ports.ts'
import type { Reader } from '../src/core/transfer/fetch.ts'
import type { Sealer } from '../src/core/wire/envelope.ts'
import type { Base } from './base.ts'
import { createBeats } from './beats.ts'
import { type Capacity, createCapacity } from './capacity.ts'
import type { createCheck } from './check.ts'
import { createInterest } from './credits.ts'
import { createDesk } from './desk.ts'
import { createExecutor } from './executor.ts'
import { createTable } from './held.ts'
import { createThreads } from './hosts/thread.ts'
import { createIntake } from './intake.ts'
import { openJobs } from './jobs.ts'
import type { Loop } from './loop.ts'
import { openMeter } from './meter.ts'
import { maxResults, openOutbox } from './outbox.ts'
import { createPlaces } from './places.ts'
import { createProgress } from './progress.ts'
import { openQueue } from './queue/open.ts'
import { openRecovery } from './recovery.ts'
import { createRoom, mostPerSlot } from './room.ts'
import { createSender } from './sender.ts'

export interface WorkOptions {
  readonly config: Config
  readonly base: Base
  /** Tasks at once, by configuration. */
  readonly slots: number
  readonly kinds: Kinds
  readonly store: Store
  readonly broker: Broker
  readonly sealer: Sealer
  readonly loop: Loop
  readonly check: ReturnType<typeof createCheck>
  /** Reads through the holders that this coordinator knows. */
  readonly reader: (coordinator: NodeId) => Reader
  /** Jobs of this node itself are open. */
  readonly isCoordinating: () => boolean
  /** It takes more, or less, than before. */
  readonly changed: () => void
  readonly clock: Clock
  readonly log: Log
  readonly undo: (() => unknown)[]
}

/** What the queue holds of before is read, and nothing is begun. @throws NO_QUEUE, QUEUE_DOWN, ALREADY_RUNNING, BAD_CONFIG, IO … */
export async function openWork({
  config,
  base,
  slots,
  kinds,
  store,
  broker,
  sealer,
  loop,
  check,
  reader,
  isCoordinating,
  changed,
  clock,
  log,
  undo,
}: WorkOptions) {
  const { home, boot, membership, states, scratch } = base
  const self = membership.identity.id
  const domain = membership.domain.id

  // --- what is held, and how much may be
  const queue = await openQueue({ config: config.queue, home, node: self, limit: mostPerSlot * slots, log: log.child({ room: 'queue' }) })
  undo.push(() => queue.close())
  const table = createTable(clock.now)
  const interest = createInterest()
  const room = createRoom()
  const capacity: Capacity = createCapacity({
    given: slots,
    cores: availableParallelism(),
    home,
    meter: openMeter({ paths: [home], clock }),
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
      tellRoom()
    },
    looked: () => void desk.tidy(),
  })
  undo.push(() => capacity.stop())
  const places = createPlaces({ queue, table, interest, room, capacity, clock, tell: (id) => beats.tellRoom(id) })
  undo.push(() => places.stop())
  const free = (coordinator: NodeId) => (recovery.isOpen ? 0 : places.free(coordinator))

  // --- what is said of it, and kept
  const sender = createSender({ domain, broker, sealer, free, loop, holdsMore: (id) => table.count(id) > 1, now: clock.now, log })
  const outbox = await openOutbox({ path: join(home, 'outbox.log'), sender, log })
  undo.push(() => outbox.close())
  const jobs = await openJobs({ store, states, clock, log, isIdle: () => table.size === 0 && !isCoordinating() })
  undo.push(() => jobs.stop())
  await jobs.sweep()

  // --- how it comes, goes on and ends
  const closed = () => (capacity.slots === 0 ? capacity.reason : undefined)
  const intake = createIntake({ table, queue, outbox, jobs, sender, boot, kinds, clock, log, check, closed })
  const beats = createBeats({ table, queue, outbox, jobs, interest, sender, boot, free, decided: () => recovery.look(), clock, log })
  const tellRoom = () => {
    beats.tellAllRoom()
    changed()
  }
  const recovery = await openRecovery({ queue, table, jobs, tell: beats.beat, end: beats.end, decided: tellRoom, clock, log })
  undo.push(() => recovery.stop())
  const desk = createDesk({ queue, table, capacity, end: beats.end, clock, log })
  const hosts = createThreads()
  undo.push(() => hosts.close())
  const progress = createProgress({ domain, broker, sealer, log })
  undo.push(() => progress.stop())
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
    scratch,
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

  return {
    queue,
    table,
    interest,
    capacity,
    sender,
    outbox,
    intake,
    beats,
    desk,
    /** Tasks that it takes at once, waiting and running. */
    get room() {
      return recovery.isOpen ? 0 : places.room
    },
    status(): NodeStatus {
      const { use } = config.queue
      const { waiting, running, limit } = queue.size
      const full = waiting + running >= places.room ? 'full' : undefined
      return { node: self, now: capacity.slots, slots, reason: capacity.reason ?? full, queue: { use, waiting, running, limit } }
    },
    /** Ready for offers. */
    async start(): Promise<void> {
      await capacity.start()
      executor.start()
      queue.resize(capacity.slots)
      queue.onChange((change) => {
        if (change.is === 'lost') beats.lost(change.ids)
        capacity.refresh()
      })
    },
    /** On the air: coordinators hear of it from now on. */
    async tell(): Promise<void> {
      beats.start()
      await recovery.start()
    },
    /** Takes nothing more; resolves when nothing runs, or the signal ends the wait. */
    async drain(hurry: AbortSignal): Promise<void> {
      capacity.drain()
      intake.drain()
      await queue.drain(hurry)
    },
  }
}

export type Work = Awaited<ReturnType<typeof openWork>>
