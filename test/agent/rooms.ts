/** The rooms that hold other nodes' work, over a memory network and folders of their own, with time in the test's hand. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { createInterest } from '../../agent/credits.ts'
import { createTable, type Offer } from '../../agent/held.ts'
import { openJobs } from '../../agent/jobs.ts'
import { type Ended, openOutbox } from '../../agent/outbox.ts'
import { createMemoryQueue } from '../../agent/queue/memory.ts'
import { createSender, type SenderOptions } from '../../agent/sender.ts'
import { silent } from '../../src/core/log.ts'
import type { Clock } from '../../src/core/ports.ts'
import { createEmbeddedStore } from '../../src/core/store/embedded.ts'
import { type Air, openAir } from '../fakes/air.ts'
import { holdTime } from '../fakes/time.ts'

export async function folder(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'ipdc-test-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}

export interface RoomsOptions {
  readonly limit?: number
  /** What each message tells to be free. */
  readonly free?: number
  readonly isIdle?: () => boolean
}

export async function openRooms(t: Test, { limit = 8, free = 5, isIdle = () => false }: RoomsOptions = {}) {
  const dir = await folder(t)
  const store = await createEmbeddedStore({ path: join(dir, 'store'), limit: 1 << 30, log: silent })
  t.teardown(() => store.close())
  const states = join(dir, 'states')
  await mkdir(states)
  const time = holdTime(t)
  const air = await openAir(t, time)
  const table = createTable()
  const sender = openSender(air, time, { free: () => free, holdsMore: (id) => table.count(id) > 1 })
  const outbox = await openOutbox({ path: join(dir, 'outbox.log'), sender, log: silent })
  t.teardown(() => outbox.close())
  const jobs = await openJobs({ store, states, clock: time, log: silent, isIdle })
  t.teardown(() => jobs.stop())
  const queue = createMemoryQueue({ limit })
  t.teardown(() => queue.close())
  return { dir, states, store, time, air, sender, outbox, jobs, queue, table, interest: createInterest(), free: () => free }
}

/** Tells peers; what it says to itself is kept in `own`. */
export function openSender(
  air: Air,
  time: Pick<Clock, 'now'>,
  options: Partial<Pick<SenderOptions, 'free' | 'holdsMore'>> & { readonly own?: unknown[] } = {},
) {
  const { free = () => 0, holdsMore = () => false, own = [] } = options
  const loop = { self: air.self, say: (type: string, header: object, body: object) => void own.push({ type, ...header, body }) }
  return createSender({ domain: air.domain.id, broker: air.broker, sealer: air.sealer, free, holdsMore, loop, now: time.now, log: silent })
}

export type Rooms = Awaited<ReturnType<typeof openRooms>>

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const offerOf = (coordinator: string, task: string, { job = 'job-1', term = 1, attempt = 1, pure = true } = {}): Offer => ({
  coordinator,
  job,
  term,
  task: `map/${task}`,
  attempt,
  stage: 'map',
  pure,
  kind: 'echo@1',
  body: bytes(task),
})

export const resultOf = (coordinator: string, task: string, { job = 'job-1', term = 1, attempt = 1, result = bytes(task) } = {}): Ended & { is: 'done' } => ({
  is: 'done',
  coordinator,
  job,
  term,
  task: `map/${task}`,
  attempt,
  result,
  ms: 7,
})
