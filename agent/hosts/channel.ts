/**
 * What an agent and a host say to each other: one channel for the whole context of a task, whatever carries it (a MessagePort
 * of a thread, frames on fd 3 of a child). The host calls, the agent answers; bytes move in chunks of at most 1 MiB and each
 * chunk is answered before the next is sent, so that neither side piles up what the other has not taken.
 */
import type { Address } from '../../src/core/cids.ts'
import type { Artifact, Failure } from '../../src/core/kind.ts'

/** Largest chunk of bytes in one message. @default 1 MiB */
export const maxChunkBytes = 1 << 20

export interface Channel<Out, In> {
  post(message: Out, transfer?: readonly ArrayBuffer[]): void
  onMessage(listener: (message: In) => void): void
}

/** An attempt, as its host is told of it. */
export interface Assignment {
  readonly kind: string
  readonly value: unknown
  readonly job: string
  readonly task: string
  readonly attempt: number
  readonly node: string
  /** Not there yet: whoever uses it first makes it. */
  readonly scratch: string
}

/** Agent → host. */
export type ToHost =
  | { readonly is: 'run'; readonly assignment: Assignment }
  | { readonly is: 'abort' }
  | { readonly is: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly is: 'refusal'; readonly id: number; readonly error: Failure }

/** Host → agent. */
export type FromHost =
  | { readonly is: 'ready' }
  | { readonly is: 'call'; readonly id: number; readonly call: Call }
  | { readonly is: 'progress'; readonly fraction: number; readonly note?: string; readonly metrics?: Readonly<Record<string, number>> }
  | { readonly is: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly fields: object; readonly message: string }
  /** The scratch folder was made. */
  | { readonly is: 'scratch' }
  | { readonly is: 'done'; readonly result: unknown }
  | { readonly is: 'failed'; readonly error: Failure }

/** `stream` and `upload` are numbers that the agent gave out; they end with the attempt. */
export type Call =
  | { readonly do: 'cat'; readonly address: Address; readonly offset: number; readonly length: number | undefined }
  | { readonly do: 'next'; readonly stream: number }
  | { readonly do: 'end'; readonly stream: number }
  | { readonly do: 'path'; readonly address: Address }
  | { readonly do: 'upload'; readonly of: 'file' | 'tree'; readonly name: string | undefined }
  | { readonly do: 'entry'; readonly upload: number; readonly path: string; readonly file?: string }
  | { readonly do: 'bytes'; readonly upload: number; readonly bytes: Uint8Array }
  | { readonly do: 'finish'; readonly upload: number }
  | { readonly do: 'discard'; readonly upload: number }
  | { readonly do: 'link'; readonly artifacts: readonly Artifact[]; readonly name: string | undefined }
  | { readonly do: 'state'; readonly key: string }
