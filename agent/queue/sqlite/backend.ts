/**
 * BullMQ's queue backend on one SQLite file: `withBackend(createSqliteBackend({ path }))` gives Queue, Worker and QueueEvents that need
 * no server. Each part of the interface is a file beside this one; README.md lists every member and its state.
 */
import type { BackendFactory, IQueueBackend, KeysMap } from 'bullmq'
import type { BackendOptions } from './access.ts'
import { adding } from './adding.ts'
import { claiming } from './claiming.ts'
import { cleaning } from './cleaning.ts'
import { Connection } from './connection.ts'
import { delaying } from './delaying.ts'
import { fields } from './fields.ts'
import { finishing } from './finishing.ts'
import { getters } from './getters.ts'
import { limits } from './limits.ts'
import { listening } from './listening.ts'
import { locks } from './locks.ts'
import { meta } from './meta.ts'
import type { SqliteQueueOptions } from './options.ts'
import { priority } from './priority.ts'
import { retrying } from './retrying.ts'
import { stalled } from './stalled.ts'
import { openStore, type Store } from './store.ts'
import { unsupported } from './unsupported.ts'
import { waiting } from './waiting.ts'

export type { SqliteQueueOptions } from './options.ts'

export interface SqliteBackendFactory extends BackendFactory<IQueueBackend, unknown> {
  /** Closes the file, for all backends made here: what was called before is committed and synced, later calls are refused. */
  close(): Promise<void>
}

/**
 * Opens the file. All backends that the factory makes share it; what an earlier process left active waits again.
 * @throws SqliteQueueError IN_USE, READ_ONLY, DISK_FULL, IO
 */
export function createSqliteBackend(options: SqliteQueueOptions): SqliteBackendFactory {
  return backendsOn(openStore(options))
}

/** The same on a file that is open. */
export function backendsOn(store: Store): SqliteBackendFactory {
  const factory: BackendFactory<IQueueBackend, unknown> = (name, opts, { withBlockingConnection = false } = {}) => {
    const backendOptions = opts as BackendOptions
    return createBackend({ store, name, options: backendOptions, isWorker: withBlockingConnection, isOwned: true })
  }
  return Object.assign(factory, { close: () => store.close() })
}

interface Given {
  readonly store: Store
  readonly name: string
  readonly options: BackendOptions
  readonly isWorker: boolean
  readonly isOwned: boolean
}

function createBackend({ store, name, options, isWorker, isOwned }: Given): IQueueBackend {
  const names = identity(name, options.prefix ?? 'bull')
  const connection = new Connection({
    store,
    queue: store.queue(names.qualifiedName),
    options,
    workerName: isWorker ? names.clientName(options.name ? `:w:${options.name}` : '') : undefined,
    isOwned,
  })
  return Object.assign(
    connection,
    names,
    adding(connection),
    claiming(connection),
    finishing(connection),
    retrying(connection),
    delaying(connection),
    priority(connection),
    locks(connection),
    stalled(connection),
    waiting(connection),
    listening(connection),
    meta(connection),
    limits(connection),
    fields(connection),
    getters(connection, names.toKey),
    cleaning(connection),
    unsupported(connection),
    {
      forQueue: (queueName: string, prefix = options.prefix ?? 'bull') =>
        createBackend({ store, name: queueName, options: { ...options, prefix }, isWorker: false, isOwned: false }),
    },
  )
}

/** Names of keys that BullMQ knows of on Redis. Nothing lies under them here: they are what other names are made of. */
const keyNames = 'active wait waiting-children paused id delayed prioritized stalled-check completed failed stalled repeat limiter meta events pc marker de'

function identity(name: string, prefix: string) {
  const qualifiedName = `${prefix}:${name}`
  const toKey = (type: string) => `${qualifiedName}:${type}`
  const keys: KeysMap = Object.fromEntries(['', ...keyNames.split(' ')].map((key) => [key, toKey(key)]))
  return {
    qualifiedName,
    keys,
    toKey,
    clientName: (suffix = '') => `${prefix}:${Buffer.from(name).toString('base64')}${suffix}`,
    parseNodeKey(key: string) {
      const parts = key.split(':')
      const id = parts.length > 2 ? (parts.pop() ?? '') : (parts[2] ?? '')
      const queueName = parts.length > 1 ? (parts.pop() ?? '') : ''
      return { prefix: parts.join(':'), queueName, id }
    },
  }
}
