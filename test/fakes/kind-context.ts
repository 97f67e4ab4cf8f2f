/**
 * A kind's world in one process: bytes in a map under real sha256 addresses, and a job whose tasks run here, in an order that a
 * test chooses. Files are cut nowhere and a directory is the CBOR of its entries, so addresses are not the real store's; all
 * else is as the contract says: a task may read only what it names, tasks and results are plain, checked and at most 8 KiB.
 */
import { encode } from '../../src/core/cbor.ts'
import { type Address, type Cid, cidsIn, rootOf } from '../../src/core/cids.ts'
import { IpdcError } from '../../src/core/errors.ts'
import {
  type Artifact,
  type Content,
  type Entry,
  type JobContext,
  type JobKind,
  type JobStore,
  maxTaskBytes,
  type Outcome,
  type RunOptions,
  type Schema,
  type TaskContext,
  type TaskStore,
  type TreeEntry,
} from '../../src/core/kind.ts'
import { silent } from '../../src/core/log.ts'
import type { Store } from '../../src/core/ports.ts'
import { cidOf, sha256 } from '../../src/core/store/cid.ts'

type Kept = { readonly is: 'file'; readonly bytes: Uint8Array } | { readonly is: 'directory'; readonly entries: readonly Entry[]; readonly size: number }

/** A store as a whole job needs it: of the map below, or a real one. */
export type KindStore = JobStore & Pick<TaskStore, 'addFile'>

export interface MapStore extends KindStore {
  /** Every read of bytes: what was asked for. */
  readonly reads: Read[]
}

export interface Read {
  readonly address: Address
  readonly offset: number
  readonly length: number
}

/** `chunkBytes` is the length of what `cat` gives at once. */
export function createMapStore({ chunkBytes = 1 << 20 }: { readonly chunkBytes?: number } = {}): MapStore {
  const kept = new Map<Cid, Kept>()
  const reads: Read[] = []

  function keep(value: Kept): Cid {
    const cid = value.is === 'file' ? cidOf('raw', sha256(value.bytes)) : cidOf('dag-pb', sha256(encode(value.entries.map(({ name, cid }) => [name, cid]))))
    kept.set(cid, value)
    return cid
  }

  function at(address: Address): { readonly value: Kept } {
    const [root = '', ...path] = address.split('/')
    let cid = root
    for (const part of path) {
      const directory = kept.get(cid)
      const entry = directory?.is === 'directory' ? directory.entries.find((entry) => entry.name === part) : undefined
      if (entry === undefined) throw new IpdcError('NOT_FOUND', { message: `No "${part}" in ${address}`, cid })
      cid = entry.cid
    }
    const value = kept.get(cid)
    if (value === undefined) throw new IpdcError('NOT_FOUND', { message: `No block ${cid}`, cid })
    return { value }
  }

  async function* cat(address: Address, offset = 0, length = Number.MAX_SAFE_INTEGER): AsyncGenerator<Uint8Array> {
    const { value } = at(address)
    if (value.is !== 'file') throw new IpdcError('BAD_DATA', { message: `${address} is a directory` })
    const end = Math.min(value.bytes.length, offset + length)
    reads.push({ address, offset, length: Math.max(0, end - offset) })
    for (let from = offset; from < end; from += chunkBytes) {
      await Promise.resolve()
      // A copy, as from another thread: nobody may count on what happens to it.
      yield Uint8Array.prototype.slice.call(value.bytes, from, Math.min(end, from + chunkBytes))
    }
  }

  async function* ls(address: Address): AsyncGenerator<Entry> {
    const { value } = at(address)
    if (value.is === 'file') throw new IpdcError('BAD_DATA', { message: `${address} is a file` })
    yield* value.entries
  }

  async function addBytes(bytes: Uint8Array, name = ''): Promise<Artifact> {
    return { name, cid: keep({ is: 'file', bytes }), size: bytes.length }
  }

  async function addFile(content: Content, name?: string): Promise<Artifact> {
    return addBytes(await bytesOf(content), name)
  }

  async function addTree(entries: Iterable<TreeEntry> | AsyncIterable<TreeEntry>, name = ''): Promise<Artifact> {
    const files = new Map<string, Artifact>()
    for await (const { path, content } of entries) files.set(path, await addFile(content))
    return folder([...files], name)
  }

  function folder(files: [path: string, file: Artifact][], name: string): Artifact {
    const entries: Entry[] = []
    const below = new Map<string, [string, Artifact][]>()
    for (const [path, file] of files) {
      const slash = path.indexOf('/')
      if (slash < 0) entries.push({ ...file, name: path, type: 'file' })
      else below.set(path.slice(0, slash), [...(below.get(path.slice(0, slash)) ?? []), [path.slice(slash + 1), file]])
    }
    for (const [name, files] of below) entries.push({ ...folder(files, name), name, type: 'directory' })
    return directory(entries, name)
  }

  async function link(artifacts: readonly Artifact[], name = ''): Promise<Artifact> {
    return directory(
      artifacts.map(({ name, cid, size }) => {
        const value = kept.get(cid)
        if (value?.is === 'file') return { name, cid, size: value.bytes.length, type: 'file' }
        return { name, cid, size: value?.size ?? size, type: value?.is ?? 'file' }
      }),
      name,
    )
  }

  function directory(entries: Entry[], name: string): Artifact {
    const sorted = entries.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
    const size = sorted.reduce((sum, entry) => sum + entry.size, 0)
    return { name, cid: keep({ is: 'directory', entries: sorted, size }), size }
  }

  return { reads, cat, ls, addBytes, addFile, addTree, link }
}

/** A real store, as the contexts of an agent give it. */
export function overStore(store: Store): KindStore {
  return {
    cat: (address, offset = 0, length) => store.cat(address, length === undefined ? { offset } : { offset, length }),
    ls: (address) => store.ls(address),
    addBytes: (bytes, name = '') => store.addFile(bytes, { name }),
    addFile: (content, name = '') => store.addFile(content, { name }),
    addTree: (entries, name = '') => store.addTree(entries, { name }),
    link: (artifacts, name = '') => store.link(artifacts, { name }),
  }
}

/** All bytes of a file. */
export async function read(store: KindStore, address: Address): Promise<Buffer> {
  return Buffer.from(await bytesOf(store.cat(address)))
}

async function bytesOf(content: Content): Promise<Uint8Array> {
  if (content instanceof Uint8Array) return Uint8Array.prototype.slice.call(content)
  if ('file' in content) throw new IpdcError('NOT_OFFERED', { message: 'Files from the disk: use the real store' })
  const chunks: Uint8Array[] = []
  for await (const chunk of content) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** What a task may touch: what it names, what lies below that, and what it made. */
export function taskContext(store: KindStore, task: unknown, { name = 'task', signal = new AbortController().signal, scratch = '/nowhere' } = {}): TaskContext {
  const own = cidsIn(task)
  const mine = (artifact: Artifact): Artifact => {
    own.add(artifact.cid)
    return artifact
  }
  const checked = (address: Address): Address => {
    const root = rootOf(address)
    if (root === undefined || !own.has(root)) throw new IpdcError('REFUSED', { message: `The task does not name ${address}` })
    return address
  }
  const notHere = (what: string) => (): never => {
    throw new IpdcError('NOT_OFFERED', { message: `${what}: not in this fake` })
  }
  const forTask: TaskStore = {
    cat: (address, offset, length) => store.cat(checked(address), offset, length),
    path: notHere('path'),
    addFile: async (content, name) => mine(await store.addFile(content, name)),
    addTree: async (entries, name) => mine(await store.addTree(entries, name)),
    link: async (artifacts, name) => mine(await store.link(artifacts, name)),
  }
  return {
    job: 'job',
    task: name,
    attempt: 1,
    node: 'node',
    signal,
    log: silent,
    store: forTask,
    scratch,
    state: notHere('state'),
    progress: (fraction) => {
      if (!(fraction >= 0 && fraction <= 1)) throw new RangeError(`progress ${fraction}`)
    },
    rendezvous: notHere('rendezvous'),
    spawn: notHere('spawn'),
    dial: notHere('dial'),
    accept: notHere('accept'),
  }
}

export interface JobRun<Task> {
  readonly root: Artifact
  readonly warnings: readonly string[]
  /** All tasks, by name. */
  readonly tasks: ReadonlyMap<string, Task>
  /** Names of all tasks with their results, in the order they ended. */
  readonly results: ReadonlyMap<string, unknown>
  /** Names of the tasks that `run` was called for: the others were known. */
  readonly ran: readonly string[]
}

export interface JobRunOptions {
  /** Changes the order in which tasks run and end. @default their own */
  readonly order?: <T>(tasks: T[]) => T[]
  /** Results of an earlier run, by task name, as a journal holds them. */
  readonly known?: ReadonlyMap<string, unknown>
}

/** A whole job of `kind`, in this process. */
export async function runJob<Job, Task, Result>(
  kind: JobKind<Job, Task, Result>,
  input: unknown,
  store: KindStore,
  options: JobRunOptions = {},
): Promise<JobRun<Task>> {
  const { order = (tasks) => tasks, known = new Map() } = options
  const warnings: string[] = []
  const results = new Map<string, unknown>()
  const tasks = new Map<string, Task>()
  const ran: string[] = []
  const run = await kind.run()

  async function* stage(name: string, source: Iterable<Task> | AsyncIterable<Task>, { id }: RunOptions<Task> = {}): AsyncGenerator<Outcome<Task, Result>> {
    const named: { readonly name: string; readonly task: Task }[] = []
    for await (const task of source) {
      const checked = await valid(kind.schema.task, task)
      named.push({ name: `${name}/${id?.(checked) ?? sha256(bounded(checked)).toString('hex')}`, task: checked })
    }
    for (const { name, task } of order(named)) {
      if (results.has(name)) throw new RangeError(`two tasks are named ${name}`)
      tasks.set(name, task)
      if (!known.has(name)) ran.push(name)
      const result = await valid(kind.schema.result, known.get(name) ?? (await run(task, taskContext(store, task, { name }))))
      bounded(result)
      results.set(name, result)
      yield { is: 'done', task, node: 'node', result }
    }
  }

  const ctx: JobContext<Task, Result> = {
    id: 'job',
    signal: new AbortController().signal,
    log: silent,
    warn: (message) => warnings.push(message),
    store,
    run: stage,
    formed: () => {
      throw new IpdcError('NOT_OFFERED', { message: 'gangs: not in this fake' })
    },
  }
  const root = await (await kind.coordinate())(await valid(kind.schema.job, input), ctx)
  return { root, warnings, tasks, results, ran }
}

/** @throws BAD_DATA with the schema's own words */
export async function valid<T>(schema: Schema<T>, value: unknown): Promise<T> {
  const checked = await schema['~standard'].validate(value)
  if (checked.issues === undefined) return checked.value
  throw new IpdcError('BAD_DATA', { message: checked.issues.map(({ message }) => message).join('; ') })
}

function bounded(value: unknown): Uint8Array {
  const bytes = encode(value)
  if (bytes.length > maxTaskBytes) throw new IpdcError('TOO_LARGE', { message: `${bytes.length} bytes` })
  return bytes
}
