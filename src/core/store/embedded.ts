/**
 * The store of a node, in one folder: blocks in segments, pins in a log, the index in memory. What a call says it keeps is on disk
 * when it resolves. One process at a time.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cid } from '../cids.ts'
import { codeOf, IpdcError, wrap } from '../errors.ts'
import type { Artifact, Content } from '../kind.ts'
import { lock } from '../lock.ts'
import type { Log } from '../log.ts'
import type { AddOptions, Store } from '../ports.ts'
import { carHead, carStart, readCar } from './car.ts'
import { cidOf, codecOf, digestOf, sha256 } from './cid.ts'
import { addDirectory } from './directory.ts'
import { createBudget, expect } from './expect.ts'
import { addFile, dagBytes, type Part, type Sink } from './file.ts'
import { collect } from './gc.ts'
import { createIndex } from './index.ts'
import { isMissing } from './missing.ts'
import { createPack } from './pack.ts'
import { openPins } from './pins.ts'
import { type BlockSource, entriesOf, entryOf, readFile, resolve } from './read.ts'
import { scan } from './scan.ts'
import { blocksIn } from './scope.ts'
import { maxBlockBytes } from './segment.ts'
import { addTree } from './tree.ts'
import { walk } from './walk.ts'

/** Blocks of one CAR, at most. */
const maxCarBlocks = 1 << 22

export interface EmbeddedOptions {
  /** Folder of this store's own; made where there is none. */
  readonly path: string
  /** Bytes on disk, at most. */
  readonly limit: number
  readonly log: Log
  /** A segment, at most. @default 256 MiB */
  readonly segmentBytes?: number
}

/** @throws ALREADY_RUNNING, IO */
export async function createEmbeddedStore({ path, limit, log, segmentBytes = 256 << 20 }: EmbeddedOptions): Promise<Store> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  const unlock = await lock(join(path, 'lock'))
  const index = createIndex()
  const { pack, pins } = await openFiles().catch(async (error: unknown) => {
    await unlock()
    throw wrap(error, 'IO', `Opening the store ${path}`)
  })
  /** Start times of what is under way: see `collect`. */
  const underWay = new Set<number>()
  let collecting: Promise<{ readonly freed: number }> | undefined
  let closed = false

  async function openFiles() {
    const pins = await openPins(path)
    const { segments, end } = await scan(path, index, pins.synced, log)
    await pins.cut(end)
    await pins.compact()
    return { pins, pack: createPack({ folder: path, limit, segmentBytes, index, segments, synced: pins.synced, log }) }
  }

  /** Runs what puts or relies on blocks: none of them is collected meanwhile. */
  async function session<T>(work: (sink: Sink, failures: number) => Promise<T>): Promise<T> {
    if (closed) throw new IpdcError('IO', { message: `The store ${path} is closed` })
    const start = ++pack.time
    underWay.add(start)
    try {
      return await work(sink, pack.failures)
    } finally {
      underWay.delete(start)
    }
  }

  const sink: Sink = {
    put(codec, bytes) {
      const digest = sha256(bytes)
      return { cid: cidOf(codec, digest), kept: pack.put(codec, digest, bytes) }
    },
  }

  /** On disk, and pinned in the same step where a pin is asked for. */
  async function keep(cid: Cid, failures: number, pin: string | undefined, partial = false): Promise<void> {
    const held = pin === undefined ? undefined : pins.held.get(pin)?.has(cid)
    // Side by side: a pin says what it needs, so it cannot outlive blocks that were not written.
    const done = await Promise.allSettled([pack.sync(failures), pin === undefined ? undefined : pins.pin(cid, pin, partial, pack.end, pack.synced)])
    const failed = done.find((one) => one.status === 'rejected')
    if (failed === undefined) return
    if (pin !== undefined && held === false) await pins.unpin(pin, cid).catch(() => {})
    throw failed.reason
  }

  function add(make: (sink: Sink) => Promise<Part>, { name, pin }: AddOptions, partial = false): Promise<Artifact> {
    return session(async (sink, failures) => {
      const { cid, size } = await make(sink)
      await keep(cid, failures, pin, partial)
      return { name: name ?? cid, cid, size }
    })
  }

  async function get(cid: Cid): Promise<Buffer> {
    const bytes = await pack.get(cid)
    if (bytes === undefined) throw new IpdcError('NOT_FOUND', { message: `Block ${cid} is not in this store`, cid })
    return bytes
  }

  const lengthOf = (cid: Cid) => {
    const entry = index.find(digestOf(cid))
    return entry < 0 ? undefined : index.place(entry).length
  }

  function source(signal: AbortSignal | undefined): BlockSource {
    return (cid) => {
      signal?.throwIfAborted()
      return get(cid)
    }
  }

  /** Counts on every block below a root. @throws NOT_FOUND, BAD_BLOCK where one is missing and `partial` is not set */
  async function touchAll(root: Cid, partial: boolean, signal: AbortSignal | undefined): Promise<void> {
    for await (const { cid, read } of walk(root, get)) {
      signal?.throwIfAborted()
      const entry = index.find(digestOf(cid))
      if (entry >= 0) index.touch(entry, pack.time)
      if (entry < 0 && !partial) await get(cid)
      if (entry < 0 || codecOf(cid) === 'raw') continue
      await read().catch((error: unknown) => {
        if (!partial || !isMissing(error)) throw error
      })
    }
  }

  return {
    info: async () => ({ use: 'embedded', path, profile: 'unixfs-v1-2025' }),
    addFile: (content: Content, options = {}) => add((sink) => addFile(content, sink, options.signal), options),
    addTree: (entries, options = {}) => add((sink) => addTree(entries, sink, options.signal), options),
    link: (artifacts, options = {}) =>
      add(
        (sink) =>
          addDirectory(
            artifacts.map(({ name, cid, size }) => ({ name, cid, size, tsize: dagBytes(size) })),
            sink,
          ),
        options,
        true,
      ),
    async *cat(address, { offset, length, signal } = {}) {
      const blocks = source(signal)
      yield* readFile(blocks, await resolve(blocks, address), { offset, length })
    },
    async *ls(address, { signal } = {}) {
      const blocks = source(signal)
      yield* entriesOf(blocks, await resolve(blocks, address), lengthOf)
    },
    async stat(address, { signal } = {}) {
      const blocks = source(signal)
      return entryOf(blocks, await resolve(blocks, address), lengthOf)
    },
    getBlock: get,
    putBlock: (cid, bytes) =>
      session(async () => {
        if (bytes.length > maxBlockBytes) throw new IpdcError('TOO_LARGE', { message: `A block of ${bytes.length} bytes (at most ${maxBlockBytes})`, cid })
        const digest = sha256(bytes)
        if (!digest.equals(digestOf(cid))) throw new IpdcError('BAD_BLOCK', { message: `Bytes given as ${cid} do not hash to it`, cid })
        await pack.put(codecOf(cid), digest, bytes)
      }),
    has: async (cid) => index.find(digestOf(cid)) >= 0,
    async *exportCar(address, { scope = 'all', signal } = {}) {
      const { cid: root } = await resolve(source(signal), address)
      yield carStart(root)
      for await (const { cid, bytes } of blocksIn(root, get, scope)) {
        signal?.throwIfAborted()
        yield carHead(cid, bytes.length)
        yield bytes
      }
    },
    importCar: (car, { expectRoot, name, pin, signal }) =>
      session(async (sink, failures) => {
        const expected = expect(expectRoot, createBudget({ maxBlocks: maxCarBlocks, maxBytes: limit }, expectRoot))
        for await (const { cid, bytes } of readCar(car)) {
          signal?.throwIfAborted()
          expected.check(cid, bytes.length)
          const put = sink.put(codecOf(cid), bytes)
          if (put.cid !== cid) throw new IpdcError('BAD_BLOCK', { message: `Bytes given as ${cid} do not hash to it`, cid })
          await put.kept
          expected.came(cid, bytes)
        }
        await touchAll(expectRoot, false, signal).catch((error: unknown) => {
          if (codeOf(error) === 'BAD_BLOCK') throw error
          throw new IpdcError('BAD_DATA', { message: `The CAR does not hold all of ${expectRoot}`, cause: error, cid: expectRoot })
        })
        await keep(expectRoot, failures, pin)
        const { size } = await entryOf(source(signal), { cid: expectRoot, name: '', chain: [expectRoot] }, lengthOf)
        return { name: name ?? expectRoot, cid: expectRoot, size }
      }),
    pin: (cid, name, { partial = false, signal } = {}) =>
      session(async (_sink, failures) => {
        await touchAll(cid, partial, signal)
        await keep(cid, failures, name, partial)
      }),
    unpin: (name, cid) => pins.unpin(name, cid),
    async *pins(name) {
      for (const [held, roots] of name === undefined ? [...pins.held] : [[name, pins.held.get(name) ?? new Map<Cid, never>()] as const]) {
        for (const cid of [...roots.keys()]) yield { cid, name: held, status: 'pinned' }
      }
    },
    gc({ signal } = {}) {
      collecting ??= session(() => collect(pack, pins, Math.min(...underWay), signal)).finally(() => {
        collecting = undefined
      })
      return collecting
    },
    usage: async () => ({ blocks: index.size, bytes: pack.bytes, limit }),
    sync: () => pack.sync(pack.failures),
    async close() {
      if (closed) return
      closed = true
      await collecting?.catch(() => {})
      try {
        await pack.sync(pack.failures)
        await pins.close(pack.synced)
      } finally {
        await pack.close()
        await unlock()
      }
    },
  }
}
