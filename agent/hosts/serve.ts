/**
 * Answers the calls of one attempt, on the agent's side. Law 5: an attempt reads what its task names, what lies below that and
 * what it made itself; files it gives lie in its own folders. Whatever it left open ends with it.
 */
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Address, cidsIn, rootOf } from '../../src/core/cids.ts'
import { IpdcError, wrap } from '../../src/core/errors.ts'
import { type Artifact, namePattern, type TreeEntry } from '../../src/core/kind.ts'
import type { Store } from '../../src/core/ports.ts'
import type { Reader } from '../../src/core/transfer/fetch.ts'
import type { Call } from './channel.ts'
import { createPipe, type Pipe } from './pipe.ts'

/** Streams and uploads that an attempt may have open at once. @default 256 */
const maxOpen = 256

export interface Service {
  answer(call: Call): Promise<{ readonly value: unknown; readonly transfer?: readonly ArrayBuffer[] }>
  /** The host made the scratch folder. */
  madeScratch(): void
  /** Whether there is one to remove. */
  readonly hasScratch: boolean
  /** Ends every stream and upload that is open. */
  close(): void
}

export interface ServiceOptions {
  readonly task: unknown
  readonly scratch: string
  /** Parent of the folders that `state` gives. */
  readonly states: string
  /** What pins of this job are called on this node. */
  readonly pin: string
  readonly store: Store
  readonly reader: Reader
  readonly signal: AbortSignal
}

interface Upload {
  readonly entries: Pipe<TreeEntry>
  readonly made: Promise<Artifact>
  content: Pipe<Uint8Array> | undefined
}

export function createService({ task, scratch, states, pin, store, reader, signal }: ServiceOptions): Service {
  const scope = cidsIn(task)
  const streams = new Map<number, AsyncIterator<Uint8Array>>()
  const uploads = new Map<number, Upload>()
  let last = 0
  let hasScratch = false

  const checked = (address: Address): Address => {
    const root = rootOf(address)
    if (root === undefined) throw new IpdcError('USAGE', { message: `"${address.slice(0, 100)}" is not an address` })
    if (!scope.has(root)) throw new IpdcError('REFUSED', { message: `The task does not name ${root}, so it may not read it`, cid: root })
    return address
  }

  const made = (artifact: Artifact): Artifact => {
    scope.add(artifact.cid)
    return artifact
  }

  const number = (): number => {
    if (streams.size + uploads.size >= maxOpen) throw new IpdcError('BUSY', { message: `An attempt may have ${maxOpen} streams open` })
    return ++last
  }

  const ownFile = (file: string): string => {
    const path = resolve(scratch, file)
    if (path.startsWith(scratch + sep) || path.startsWith(states + sep)) return path
    throw new IpdcError('REFUSED', { message: `${file} is outside the folders of the attempt` })
  }

  const uploadOf = (id: number): Upload => {
    const upload = uploads.get(id)
    if (upload === undefined) throw new IpdcError('USAGE', { message: 'This upload has ended' })
    return upload
  }

  const begin = (of: 'file' | 'tree', name: string | undefined): number => {
    const id = number()
    const entries = createPipe<TreeEntry>()
    const options = { signal, pin, ...(name === undefined ? {} : { name }) }
    const making = of === 'tree' ? store.addTree(entries, options) : firstOf(entries).then(({ content }) => store.addFile(content, options))
    making.catch((error) => entries.fail(error))
    uploads.set(id, { entries, made: making, content: undefined })
    return id
  }

  const answers = {
    cat: async ({ address, offset, length }: Of<'cat'>) => {
      const id = number()
      streams.set(id, reader.cat(checked(address), { offset, signal, ...(length === undefined ? {} : { length }) })[Symbol.asyncIterator]())
      return id
    },
    next: async ({ stream }: Of<'next'>) => {
      const open = streams.get(stream)
      if (open === undefined) throw new IpdcError('CANCELLED', { message: 'This stream was ended' })
      const turn = await open.next()
      return turn.done === true ? undefined : turn.value
    },
    end: async ({ stream }: Of<'end'>) => {
      const open = streams.get(stream)
      streams.delete(stream)
      await open?.return?.()
    },
    path: async ({ address }: Of<'path'>) => {
      const file = join(scratch, `in-${++last}`)
      await mkdir(scratch, { recursive: true, mode: 0o700 })
      hasScratch = true
      await pipeline(reader.cat(checked(address), { signal }), createWriteStream(file, { mode: 0o600 }), { signal })
      return file
    },
    upload: async ({ of, name }: Of<'upload'>) => begin(of, name),
    entry: async ({ upload: id, path, file }: Of<'entry'>) => {
      const upload = uploadOf(id)
      upload.content?.end()
      upload.content = file === undefined ? createPipe() : undefined
      await upload.entries.push({ path, content: upload.content ?? { file: ownFile(file ?? '') } })
    },
    bytes: async ({ upload, bytes }: Of<'bytes'>) => uploadOf(upload).content?.push(bytes),
    finish: async ({ upload: id }: Of<'finish'>) => {
      const upload = uploadOf(id)
      uploads.delete(id)
      upload.content?.end()
      upload.entries.end()
      return made(await upload.made)
    },
    discard: async ({ upload }: Of<'discard'>) => abandon(uploads.get(upload), upload),
    link: async ({ artifacts, name }: Of<'link'>) => {
      for (const { cid } of artifacts) checked(cid)
      return made(await store.link(artifacts, { signal, pin, ...(name === undefined ? {} : { name }) }))
    },
    state: async ({ key }: Of<'state'>) => {
      if (!namePattern.test(key)) throw new IpdcError('USAGE', { message: `State key "${key.slice(0, 80)}" is not of the form ${namePattern.source}` })
      const folder = join(states, key)
      await mkdir(folder, { recursive: true, mode: 0o700 })
      return folder
    },
  } satisfies { [D in Call['do']]: (call: Of<D>) => Promise<unknown> }

  const abandon = (upload: Upload | undefined, id: number) => {
    uploads.delete(id)
    upload?.content?.fail(new IpdcError('CANCELLED', { message: 'The upload was given up' }))
    upload?.entries.fail(new IpdcError('CANCELLED', { message: 'The upload was given up' }))
  }

  return {
    async answer(call) {
      signal.throwIfAborted()
      try {
        const value = await (answers[call.do] as (call: Call) => Promise<unknown>)(call)
        return value instanceof Uint8Array ? givenAway(value) : { value }
      } catch (error) {
        throw wrap(error, 'IO', `${call.do} failed`)
      }
    },
    madeScratch() {
      hasScratch = true
    },
    get hasScratch() {
      return hasScratch
    },
    close() {
      for (const open of streams.values()) void open.return?.().catch(() => {})
      streams.clear()
      for (const [id, upload] of uploads) abandon(upload, id)
    },
  }
}

type Of<D extends Call['do']> = Extract<Call, { do: D }>

/** A chunk that owns its buffer goes without a copy; a view into a larger one is copied, since others may use the rest. */
function givenAway(bytes: Uint8Array): { value: Uint8Array; transfer: readonly ArrayBuffer[] } {
  const owned = bytes.byteLength === bytes.buffer.byteLength && !Buffer.isBuffer(bytes) ? bytes : new Uint8Array(bytes)
  return { value: owned, transfer: [owned.buffer as ArrayBuffer] }
}

async function firstOf(entries: Pipe<TreeEntry>): Promise<TreeEntry> {
  // Not `for await`: leaving the loop would close the pipe while its content is still to come.
  const turn = await entries[Symbol.asyncIterator]().next()
  if (turn.done === true) throw new IpdcError('USAGE', { message: 'A file without content' })
  return turn.value
}
