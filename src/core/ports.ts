/** What core needs of the world, as types only. Each port has one suite in test/conformance that every adapter passes. */
import type { Address, Cid } from './cids.ts'
import type { Artifact, Content, Entry, Failure, Ms, TreeEntry } from './kind.ts'

// --- Broker: a bell. MQTT 3.1.1 is enough. ------------------------------------------------------

export interface Broker {
  /**
   * Arms the will and connects. The broker publishes the will, retained, when this connection dies without `close`.
   * Resolves at the first connection; after it the adapter reconnects by itself, with jitter, until `close`.
   * @throws NO_BROKER (unreachable within `timeoutMs`), BROKER_REFUSED (credentials)
   */
  presence(will?: Will): Promise<void>
  /**
   * QoS 1 (default): resolves when the broker has it. QoS 0: resolves at once, dropped while down.
   * @throws TOO_LARGE over 64 KiB, BAD_TOPIC, NO_BROKER when `signal` ends the wait or too much waits for a broker that is down, BUSY
   * when too much (1,000 messages, 16 MiB) waits for one that is up
   */
  publish(topic: string, bytes: Uint8Array, options?: PublishOptions): Promise<void>
  /**
   * `handler` runs for one message at a time in order of arrival; QoS 1 is acknowledged after it resolved. A handler that
   * throws is logged and the message counts as taken. Subscriptions are made again after each reconnect, until what this gives is
   * called. @throws USAGE: the filter has a handler already
   */
  subscribe(filter: string, handler: MessageHandler): Promise<() => Promise<void>>
  readonly status: BrokerStatus
  /** Called at each change of status. */
  onStatus(listener: (status: BrokerStatus) => void): void
  close(): Promise<void>
}

export interface Will {
  readonly topic: string
  readonly bytes: Uint8Array
}

export interface PublishOptions {
  readonly qos?: 0 | 1
  readonly retain?: boolean
  readonly signal?: AbortSignal
}

export type MessageHandler = (topic: string, bytes: Uint8Array) => void | Promise<void>

export type BrokerStatus =
  | { readonly is: 'new' }
  | { readonly is: 'up'; readonly url: string }
  | { readonly is: 'down'; readonly cause: string }
  | { readonly is: 'closed' }

// --- Store: where bytes lie by their hash. ------------------------------------------------------

export interface Store {
  info(): Promise<{ readonly use: string; readonly path: string; readonly profile: string }>
  /** Pinned under `pin` in the same step, and on disk when it resolves. */
  addFile(content: Content, options?: AddOptions): Promise<Artifact>
  /** A directory of all entries; paths are `/`-separated and cleaned. @throws BAD_PATH */
  addTree(entries: Iterable<TreeEntry> | AsyncIterable<TreeEntry>, options?: AddOptions): Promise<Artifact>
  /** A directory whose entries lie elsewhere: makes only its own nodes. */
  link(artifacts: readonly Artifact[], options?: AddOptions): Promise<Artifact>
  /** Chunks of at most 1 MiB. @throws NOT_FOUND naming the missing block in `cid` */
  cat(address: Address, options?: ReadOptions): AsyncIterable<Uint8Array>
  /** In order of name bytes. */
  ls(address: Address, options?: Signal): AsyncIterable<Entry>
  /** What an address is: resolves a path. @throws NOT_FOUND */
  stat(address: Address, options?: Signal): Promise<Entry>
  /** @throws NOT_FOUND */
  getBlock(cid: Cid): Promise<Uint8Array>
  /** Hashes before it keeps. @throws BAD_BLOCK, TOO_LARGE over 2 MiB, DISK_FULL */
  putBlock(cid: Cid, bytes: Uint8Array): Promise<void>
  has(cid: Cid): Promise<boolean>
  /** Depth first, each block once. */
  exportCar(address: Address, options?: Signal & { readonly scope?: 'block' | 'entity' | 'all' }): AsyncIterable<Uint8Array>
  /** @throws BAD_BLOCK, BAD_DATA */
  importCar(car: AsyncIterable<Uint8Array>, options: AddOptions & { readonly expectRoot: Cid }): Promise<Artifact>
  /** Recursive; every block must be there, unless `partial` (a link over what lies elsewhere). Durable when it resolves. @throws NOT_FOUND */
  pin(cid: Cid, name: string, options?: Signal & { readonly partial?: boolean }): Promise<void>
  /** Ends the pins of that name: of one root, or of all. */
  unpin(name: string, cid?: Cid): Promise<void>
  pins(name?: string): AsyncIterable<{ readonly cid: Cid; readonly name: string; readonly status: 'pinned' }>
  /** Removes what no pin reaches and gives back the bytes freed. What is added meanwhile stays. */
  gc(options?: Signal): Promise<{ readonly freed: number }>
  usage(): Promise<{ readonly blocks: number; readonly bytes: number; readonly limit: number }>
  /** Everything written so far is on disk when it resolves. */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface Signal {
  readonly signal?: AbortSignal
}

export interface AddOptions extends Signal {
  readonly name?: string
  /** Name of the pin. Without one the blocks are free for the next gc. */
  readonly pin?: string
}

export interface ReadOptions extends Signal {
  readonly offset?: number
  readonly length?: number
}

// --- Queue: where tasks of this node wait their turn. -------------------------------------------

/** A task as it waits: plain data, at most 64 KiB encoded. `id` is unique while it is held. */
export interface QueueItem {
  readonly id: string
  readonly data: Uint8Array
}

export interface Queue {
  /**
   * `accepted` means held: it survives whatever this adapter survives. An id that is held already is accepted once more without
   * effect. @throws QUEUE_DOWN, NO_QUEUE: it cannot take anything now
   */
  add(item: QueueItem): Promise<'accepted' | 'full'>
  /**
   * Starts to give items to `handler`, at most `slots` at a time, first in first out. An item leaves when its handler settles. Once.
   * A queue that was opened with items of before is paused: it gives none until `resume`.
   */
  take(handler: (item: QueueItem, signal: AbortSignal) => Promise<void>, slots: number): void
  /** From now on that many at a time, 0 for none; what runs goes on. */
  resize(slots: number): void
  /** Takes back a waiting item, or aborts the signal of a running one. False where it is neither. */
  remove(id: string): Promise<boolean>
  /** What it holds now. */
  readonly size: { readonly waiting: number; readonly running: number; readonly limit: number }
  /** In order, what runs first. */
  held(): Promise<{ readonly id: string; readonly is: 'waiting' | 'running' }[]>
  /** The same with its bytes, read as it is asked for. */
  items(): AsyncIterable<QueueItem>
  /** Resolves when nothing runs; nothing new starts. */
  drain(signal?: AbortSignal): Promise<void>
  /** Holds back what waits; what runs goes on. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** `down` while it can neither take nor give, with the reason and what to do; it comes up by itself when that is cured. */
  readonly status: QueueStatus
  /** Called when it goes down, comes up, or finds that it has lost something. */
  onChange(listener: (change: QueueChange) => void): void
  /** Where it is kept: `bytes` on disk, `url` without secrets. */
  info(): Promise<QueueInfo>
  /** Aborts what runs and waits for it, for a moment. What is held stays held, where the adapter survives anything. */
  close(): Promise<void>
}

export type QueueStatus = { readonly is: 'up' } | { readonly is: 'down'; readonly error: Failure }

/** `lost`: items that were held are not there any more, and will not be given to anybody. */
export type QueueChange = QueueStatus | { readonly is: 'lost'; readonly ids: readonly string[] }

export interface QueueInfo {
  readonly use: string
  readonly path?: string
  readonly bytes?: number
  readonly url?: string
  /** What was found damaged when it was opened: kept under this name, and why. */
  readonly damaged?: { readonly kept: string; readonly cause: string }
}

// --- Clock: so that nothing inside asks for the time. -------------------------------------------

export interface Clock {
  /** Monotonic, in ms. */
  now(): Ms
  /** Wall clock, in ms since 1970: for `iat`, `exp` and people. */
  wall(): number
}
