/**
 * The queue over BullMQ. What waits lies in the backlog, its bytes in no memory of ours; what is where is known here, since nobody
 * else adds or takes. When the backlog fails, the queue is down: it takes and gives nothing, keeps what runs, and tries again.
 */
import { type IpdcError, toFailure } from '../../src/core/errors.ts'
import type { Ms } from '../../src/core/kind.ts'
import type { Log } from '../../src/core/log.ts'
import type { Queue, QueueChange, QueueInfo, QueueItem, QueueStatus } from '../../src/core/ports.ts'
import type { Backlog, Claimed } from './backlog.ts'
import { createBatch } from './batch.ts'
import { createIdle, within } from './idle.ts'
import { createOutage } from './outage.ts'

export interface BullQueueOptions {
  /** Opened; `closed` with the queue. */
  readonly backlog: Backlog
  readonly limit: number
  /** An error of the backend as one of ours, with what to do. */
  readonly wrap: (error: unknown) => IpdcError
  readonly info: () => Promise<QueueInfo>
  readonly log: Log
}

export interface BullQueue extends Queue {
  /** The backend says that it has failed, though nobody asked it for anything. */
  failed(error: unknown): void
}

/** What has ended is `leaving` until the backlog has forgotten it. */
interface Entry {
  is: 'adding' | 'waiting' | 'running' | 'leaving'
  /** While it runs. */
  controller: AbortController | undefined
  /** While it is added, or leaves. */
  moving: Promise<void> | undefined
}

/** Claims in a row that found nothing, though something waits, before the backlog is looked through. */
const maxMisses = 3
/** What does not heed its signal, or a backend that does not answer, is left behind after this. @default 2_000 (ms) */
const closeMs: Ms = 2_000

export async function createBullQueue({ backlog, limit, wrap, info, log }: BullQueueOptions): Promise<BullQueue> {
  const held = new Map<string, Entry>()
  /** Claimed, but not to be started now. */
  let parked: Claimed[] = []
  /** Ended while the backlog could not be written. */
  const owed: { readonly claimed: Claimed; readonly left: () => void }[] = []
  const listeners = new Set<(change: QueueChange) => void>()
  const moves = new Set<Promise<void>>()
  let handler: ((item: QueueItem, signal: AbortSignal) => Promise<void>) | undefined
  let slots = 0
  let waiting = 0
  let running = 0
  let adding = 0
  let claims = 0
  let misses = 0
  let isDraining = false
  let isClosed = false
  const put = createBatch(backlog.add)
  const idle = createIdle(() => running === 0)
  const outage = createOutage({ wrap, look: () => track(look()), changed, log })

  for (const id of await backlog.recover(new Set())) hold(id, 'waiting')
  let isPaused = waiting > 0

  function hold(id: string, is: 'adding' | 'waiting'): Entry {
    const entry: Entry = { is, controller: undefined, moving: undefined }
    held.set(id, entry)
    if (is === 'waiting') waiting++
    return entry
  }

  // --- in

  async function add(item: QueueItem): Promise<'accepted' | 'full'> {
    const known = held.get(item.id)
    if (known?.is === 'waiting' || known?.is === 'running') return 'accepted'
    if (isDraining) return 'full'
    if (outage.error !== undefined) throw outage.error
    if (known !== undefined) {
      await known.moving?.catch(() => {})
      return add(item)
    }
    if (waiting + running + adding >= limit) return 'full'
    const entry = hold(item.id, 'adding')
    adding++
    entry.moving = track(put(item))
    try {
      await entry.moving
    } catch (error) {
      held.delete(item.id)
      throw outage.began(error)
    } finally {
      adding--
    }
    entry.is = 'waiting'
    waiting++
    pump()
    return 'accepted'
  }

  // --- out

  const canStart = () => handler !== undefined && !isPaused && !isDraining && outage.error === undefined && running < slots
  const canClaim = () => canStart() && running + claims < slots && waiting - parked.length - claims > 0

  function pump(): void {
    while (parked.length > 0 && canStart()) {
      const next = parked.shift()
      if (next !== undefined) void start(next)
    }
    while (canClaim()) void claim()
  }

  async function claim(): Promise<void> {
    claims++
    try {
      arrived(await backlog.claim())
    } catch (error) {
      claims--
      outage.began(error)
    }
  }

  /** The answer to a claim. */
  function arrived(found: Claimed | undefined): void {
    claims--
    if (found !== undefined) {
      misses = 0
      sort(found)
    } else if (waiting > parked.length + claims && ++misses >= maxMisses) {
      outage.began(new Error('something waits that it does not give'))
    }
    pump()
  }

  function sort(found: Claimed): void {
    const entry = held.get(found.id)
    if (entry?.is === 'waiting') parked.push(found)
    else if (entry?.is === 'adding') {
      const again = () => {
        sort(found)
        pump()
      }
      entry.moving?.then(again, again)
    }
    // Taken back meanwhile; or added after all, when its add was given up.
    else void track(leave(found, undefined))
  }

  async function start(claimed: Claimed): Promise<void> {
    const { id, data } = claimed
    const entry = held.get(id)
    if (entry === undefined || handler === undefined) return
    const controller = new AbortController()
    entry.is = 'running'
    entry.controller = controller
    waiting--
    running++
    try {
      await handler({ id, data }, controller.signal)
    } catch {
      // The handler reports its own failures; here an item only leaves.
    }
    running--
    entry.is = 'leaving'
    entry.moving = track(leave(claimed, entry))
    idle.look()
  }

  async function leave(claimed: Claimed, entry: Entry | undefined): Promise<void> {
    const andClaim = entry !== undefined && canClaim()
    if (andClaim) claims++
    let next: Claimed | undefined
    try {
      if (outage.error !== undefined) throw outage.error
      next = await backlog.leave(claimed, andClaim)
    } catch (error) {
      if (andClaim) claims--
      if (outage.error === undefined) outage.began(error)
      if (isClosed) return
      return new Promise((resolve) => owed.push({ claimed, left: () => resolve(forget(claimed.id, entry)) }))
    }
    forget(claimed.id, entry)
    if (andClaim) arrived(next)
    else pump()
  }

  function forget(id: string, entry: Entry | undefined): void {
    if (held.get(id) === entry) held.delete(id)
  }

  async function remove(id: string): Promise<boolean> {
    const entry = held.get(id)
    if (entry === undefined || entry.is === 'leaving') return false
    if (entry.is === 'adding') {
      await entry.moving?.catch(() => {})
      return remove(id)
    }
    if (entry.is === 'running') {
      entry.controller?.abort()
      return true
    }
    held.delete(id)
    waiting--
    const claimed = parked.find((one) => one.id === id)
    if (claimed === undefined) await track(backlog.remove(id)).catch(outage.began)
    else {
      parked = parked.filter((one) => one !== claimed)
      await track(leave(claimed, undefined))
    }
    return true
  }

  // --- down, and up again

  async function look(): Promise<void> {
    await backlog.check()
    for (let debt = owed[0]; debt !== undefined; debt = owed[0]) {
      await backlog.leave(debt.claimed, false)
      debt.left()
      owed.shift()
    }
    await reconcile()
  }

  function changed(status: QueueStatus): void {
    tell(status)
    // Ended after the debts were paid, while the rest was mended.
    if (status.is === 'up') for (const { claimed, left } of owed.splice(0)) void track(leave(claimed, undefined).then(left))
    pump()
  }

  /** What we believe and what is there may differ after a failure. */
  async function reconcile(): Promise<void> {
    const there = new Set(await backlog.recover(new Set([...held].filter(([, { is }]) => is === 'running').map(([id]) => id))))
    parked = []
    misses = 0
    const lost = [...held].filter(([id, { is }]) => is === 'waiting' && !there.has(id)).map(([id]) => id)
    for (const id of lost) if (held.delete(id)) waiting--
    for (const id of there) if (!held.has(id)) await backlog.remove(id)
    if (lost.length > 0) {
      log.warn({ count: lost.length }, 'the queue has lost what waited')
      tell({ is: 'lost', ids: lost })
    }
  }

  function tell(change: QueueChange): void {
    for (const listener of listeners) listener(change)
  }

  function track(move: Promise<void>): Promise<void> {
    moves.add(move)
    const settled = () => void moves.delete(move)
    move.then(settled, settled)
    return move
  }

  async function close(): Promise<void> {
    if (isClosed) return
    isDraining = true
    for (const { is, controller } of held.values()) if (is === 'running') controller?.abort()
    await idle.wait(undefined, closeMs)
    isClosed = true
    outage.stop()
    for (const { left } of owed.splice(0)) left()
    await within(closeMs, Promise.allSettled([...moves]))
    await within(closeMs, backlog.close()).catch((error) => log.warn({ err: wrap(error) }, 'queue not closed'))
  }

  return {
    add,
    take(take, most) {
      handler = take
      slots = most
      pump()
    },
    resize(most) {
      slots = most
      pump()
    },
    remove,
    get size() {
      return { waiting, running, limit }
    },
    async held() {
      const all = [...held].flatMap(([id, { is }]) => (is === 'running' || is === 'waiting' ? [{ id, is } as const] : []))
      return [...all.filter(({ is }) => is === 'running'), ...all.filter(({ is }) => is === 'waiting')]
    },
    async *items() {
      const ids = [...held].filter(([, { is }]) => is === 'running' || is === 'waiting').sort(([, a], [, b]) => rank(a) - rank(b))
      yield* backlog.items(ids.map(([id]) => id))
    },
    async drain(signal) {
      isDraining = true
      await idle.wait(signal)
    },
    async pause() {
      isPaused = true
    },
    async resume() {
      isPaused = false
      pump()
    },
    get status(): QueueStatus {
      return outage.error === undefined ? { is: 'up' } : { is: 'down', error: toFailure(outage.error) }
    },
    onChange: (listener) => void listeners.add(listener),
    info,
    failed: (error) => void outage.began(error),
    close,
  }
}

const rank = ({ is }: Entry): number => (is === 'running' ? 0 : 1)
