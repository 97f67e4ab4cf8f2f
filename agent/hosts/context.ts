/** The context that a task's code sees, on the host's side: every member is a call over the channel. The other end is `serve.ts`. */
import { mkdirSync } from 'node:fs'
import type { Address } from '../../src/core/cids.ts'
import { fromFailure, IpdcError } from '../../src/core/errors.ts'
import type { Artifact, Content, Failure, TaskContext, TaskStore, TreeEntry } from '../../src/core/kind.ts'
import type { Log } from '../../src/core/log.ts'
import { type Assignment, type Call, type Channel, type FromHost, maxChunkBytes, type ToHost } from './channel.ts'

export interface Calls {
  call(call: Call, transfer?: readonly ArrayBuffer[]): Promise<unknown>
  /** An answer or a refusal that came. */
  settle(id: number, outcome: { readonly value: unknown } | { readonly error: Failure }): void
  /** The attempt is over: what its code left running asks for nothing more, and hears of nothing that belongs to the next. */
  close(): void
}

/** Numbers calls over all attempts of this host, so that an answer never meets another attempt's call. */
let last = 0

export function createCalls(channel: Channel<FromHost, ToHost>): Calls {
  const open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let isOver = false
  const over = () => new IpdcError('CANCELLED', { message: 'The attempt is over' })
  return {
    call(call, transfer) {
      if (isOver) return Promise.reject(over())
      const id = ++last
      return new Promise((resolve, reject) => {
        open.set(id, { resolve, reject })
        channel.post({ is: 'call', id, call }, transfer)
      })
    },
    settle(id, outcome) {
      const waiter = open.get(id)
      open.delete(id)
      if ('value' in outcome) waiter?.resolve(outcome.value)
      else waiter?.reject(fromFailure(outcome.error))
    },
    close() {
      isOver = true
      for (const { reject } of open.values()) reject(over())
      open.clear()
    },
  }
}

export function createContext(assignment: Assignment, { call }: Calls, channel: Channel<FromHost, ToHost>, signal: AbortSignal): TaskContext {
  const { job, task, attempt, node, scratch } = assignment
  let hasScratch = false
  return {
    job,
    task,
    attempt,
    node,
    // Most tasks need none, and a folder costs more than a short task.
    get scratch() {
      if (!hasScratch) {
        mkdirSync(scratch, { recursive: true, mode: 0o700 })
        hasScratch = true
        channel.post({ is: 'scratch' })
      }
      return scratch
    },
    signal,
    log: logOver(channel, {}),
    store: storeOver(call),
    state: async (key) => (await call({ do: 'state', key })) as string,
    progress(fraction, note, metrics) {
      channel.post({
        is: 'progress',
        fraction: Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : 0,
        ...(note === undefined ? {} : { note }),
        ...(metrics === undefined ? {} : { metrics }),
      })
    },
    rendezvous: () => notOffered('rendezvous'),
    spawn: () => notOffered('spawn'),
    dial: () => notOffered('dial'),
    accept: () => {
      throw absent('accept')
    },
  }
}

function absent(member: string): IpdcError {
  return new IpdcError('NOT_OFFERED', { message: `ctx.${member} is not offered by this version of ipdc` })
}

async function notOffered(member: string): Promise<never> {
  throw absent(member)
}

function logOver(channel: Channel<FromHost, ToHost>, bound: object): Log {
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: object, message: string) =>
    channel.post({ is: 'log', level, fields: { ...bound, ...fields }, message })
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => logOver(channel, { ...bound, ...fields }),
  }
}

function storeOver(call: Calls['call']): TaskStore {
  return {
    cat: (address, offset, length) => cat(call, address, offset, length),
    path: async (address) => (await call({ do: 'path', address })) as string,
    addFile: (content, name) => upload(call, 'file', [{ path: name ?? '', content }], name),
    addTree: (entries, name) => upload(call, 'tree', entries, name),
    link: async (artifacts, name) => (await call({ do: 'link', artifacts, name })) as Artifact,
  }
}

/** One chunk is asked for ahead, so that reading and computing overlap. */
async function* cat(call: Calls['call'], address: Address, offset = 0, length?: number): AsyncGenerator<Uint8Array> {
  const stream = (await call({ do: 'cat', address, offset, length })) as number
  const next = () => {
    const chunk = call({ do: 'next', stream }) as Promise<Uint8Array | undefined>
    chunk.catch(() => {}) // asked ahead: a reader that left does not hear of its failure
    return chunk
  }
  let ahead = next()
  try {
    for (;;) {
      const chunk = await ahead
      if (chunk === undefined) return
      ahead = next()
      yield chunk
    }
  } finally {
    void call({ do: 'end', stream }).catch(() => {})
  }
}

async function upload(
  call: Calls['call'],
  of: 'file' | 'tree',
  entries: Iterable<TreeEntry> | AsyncIterable<TreeEntry>,
  name: string | undefined,
): Promise<Artifact> {
  const id = (await call({ do: 'upload', of, name })) as number
  try {
    for await (const { path, content } of entries) {
      const file = fileOf(content)
      await call({ do: 'entry', upload: id, path, ...(file === undefined ? {} : { file }) })
      if (file === undefined) for await (const bytes of chunksOf(content)) await call({ do: 'bytes', upload: id, bytes }, [bytes.buffer as ArrayBuffer])
    }
    return (await call({ do: 'finish', upload: id })) as Artifact
  } catch (error) {
    void call({ do: 'discard', upload: id }).catch(() => {})
    throw error
  }
}

function fileOf(content: Content): string | undefined {
  return 'file' in content && typeof content.file === 'string' ? content.file : undefined
}

/** Copies of the caller's bytes: what is sent is given away, and the caller may go on using its buffer. */
async function* chunksOf(content: Content): AsyncGenerator<Uint8Array> {
  const pieces = content instanceof Uint8Array ? [content] : (content as AsyncIterable<Uint8Array>)
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; at += maxChunkBytes) yield piece.slice(at, at + maxChunkBytes)
  }
}
