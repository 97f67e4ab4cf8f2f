/** The life of one backend: named, ready, closed. Once closed it answers nothing any more, and whoever waits is told. */
import { EventEmitter } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import type { IQueueBackend } from 'bullmq'
import type { Access, BackendOptions } from './access.ts'
import { closedError, isRefusal } from './codes.ts'
import type { Queue } from './queue.ts'
import type { Client, Store } from './store.ts'
import type { Turn } from './turn.ts'

type Life = Pick<
  IQueueBackend,
  'waitUntilReady' | 'close' | 'closing' | 'disconnect' | 'setName' | 'getClientList' | 'minimumBlockTimeout' | 'maximumBlockTimeout'
>

/** A timer of Node can wait no longer (ms). */
export const maxTimerMs = 2 ** 31 - 1

export interface ConnectionOptions {
  readonly store: Store
  readonly queue: Queue
  readonly options: BackendOptions
  /** Told to whoever lists clients; undefined: nobody is. */
  readonly workerName: string | undefined
  /** A sibling lives as long as its store. */
  readonly isOwned: boolean
}

export class Connection extends EventEmitter implements Life, Access {
  readonly store: Store
  readonly queue: Queue
  readonly options: BackendOptions
  /** One millisecond: less a timer does not know. */
  readonly minimumBlockTimeout = 0.001
  /** A wait is re-armed when something earlier comes; an hour, in case somebody sets the clock. */
  readonly maximumBlockTimeout = 3600
  closing: Promise<void> | undefined
  readonly #closed = new AbortController()
  readonly #ended = new AbortController()
  /** Ends the reads under way, not those to come. */
  #disconnected = new AbortController()
  readonly #isOwned: boolean
  readonly #client: Client | undefined
  readonly #worker: Client | undefined
  #underWay = 0
  #idle: (() => void) | undefined

  constructor({ store, queue, options, workerName, isOwned }: ConnectionOptions) {
    super()
    this.store = store
    this.queue = queue
    this.options = options
    this.#isOwned = isOwned
    this.#client = isOwned ? clientOf(store, '') : undefined
    this.#worker = workerName === undefined ? undefined : clientOf(store, workerName)
    if (store.closed.aborted) this.#ended.abort()
    else store.closed.addEventListener('abort', this.#end, { once: true })
  }

  /** Aborted by close, of this backend or of the file. */
  get ended(): AbortSignal {
    return this.#ended.signal
  }

  /** Once the file is closed nothing is to be waited for: whoever waits all the same, waits in quiet until this backend is closed too, or it is cut. */
  async rest(ms: number, cut?: AbortSignal): Promise<void> {
    if (this.closing !== undefined) throw closedError()
    const signal = cut === undefined ? this.#closed.signal : AbortSignal.any([this.#closed.signal, cut])
    if (ms === 0) return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    await setTimeout(Math.min(ms, maxTimerMs), undefined, { signal }).catch(() => {})
  }

  /** Aborted by disconnect also. */
  get disconnected(): AbortSignal {
    return this.#disconnected.signal
  }

  readonly run = async <T>(operation: (turn: Turn) => T): Promise<T> => {
    if (this.ended.aborted) throw closedError()
    this.#underWay += 1
    try {
      const outcome = await this.store.run(this.queue, (turn) => attempt(turn, operation))
      if ('refused' in outcome) throw outcome.refused
      return outcome.value
    } finally {
      this.#underWay -= 1
      if (this.#underWay === 0) this.#idle?.()
    }
  }

  async waitUntilReady(): Promise<void> {
    if (this.ended.aborted) throw closedError()
  }

  /** Waits end, calls under way are waited for, later ones are refused. */
  close(): Promise<void> {
    if (!this.#isOwned) return Promise.resolve()
    this.closing ??= this.#close()
    return this.closing
  }

  async disconnect(): Promise<void> {
    this.#disconnected.abort()
    this.#disconnected = new AbortController()
  }

  async setName(name: string): Promise<void> {
    if (this.#client !== undefined) this.#client.name = name
  }

  async getClientList(): Promise<string[]> {
    const now = Date.now()
    const lines = [...this.store.clients].map(
      ({ name, since }, index) => `id=${index + 1} addr=${process.pid} name=${name.replaceAll(/\s/g, '_')} age=${Math.floor((now - since) / 1000)}`,
    )
    return [lines.join('\n')]
  }

  async #close(): Promise<void> {
    this.#end()
    this.#closed.abort()
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
    this.emit('close')
  }

  readonly #end = (): void => {
    this.store.closed.removeEventListener('abort', this.#end)
    for (const client of [this.#client, this.#worker]) if (client !== undefined) this.store.clients.delete(client)
    this.#ended.abort()
    this.#disconnected.abort()
  }
}

function clientOf({ clients }: Store, name: string): Client {
  const client = { name, since: Date.now() }
  clients.add(client)
  return client
}

/** A refusal is an answer, and undoes nothing; any other error does. */
function attempt<T>(turn: Turn, operation: (turn: Turn) => T): { value: T } | { refused: unknown } {
  try {
    return { value: operation(turn) }
  } catch (error) {
    if (!isRefusal(error)) throw error
    return { refused: error }
  }
}
