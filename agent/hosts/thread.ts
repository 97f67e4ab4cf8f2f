/**
 * Threads that run built-in code: started when first needed, kept warm, one task each at a time. A thread that does not end
 * when it is told to is ended, and a new one takes its place: the killer stands outside.
 */
import { getCompileCacheDir } from 'node:module'
import { Worker } from 'node:worker_threads'
import { fromFailure, IpdcError, toFailure } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import type { Assignment, FromHost, ToHost } from './channel.ts'
import type { Service } from './serve.ts'

/** How long code may take to end once its signal was aborted. With the look at leases it fits into their margin. @default 1_000 (ms) */
const graceMs = 1_000

/** The door of built-in kinds: `.ts` in a checkout, `.js` in a build. */
const builtIns = new URL(`./thread-entry${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)

export interface Progress {
  readonly fraction: number
  readonly note?: string
}

export interface Order {
  readonly assignment: Assignment
  readonly service: Service
  readonly signal: AbortSignal
  readonly log: Log
  progress(progress: Progress): void
}

export interface Hosts {
  /** Runs one attempt. @throws the task's failure, CANCELLED when `signal` ended it */
  run(order: Order): Promise<unknown>
  close(): Promise<void>
}

export interface ThreadsOptions {
  /** What a thread runs first. @default the built-in kinds */
  readonly entry?: URL
  /** @default V8's own */
  readonly heapMb?: number
}

export function createThreads({ entry = builtIns, heapMb }: ThreadsOptions = {}): Hosts {
  const compiled = getCompileCacheDir()
  const idle: Worker[] = []
  const all = new Set<Worker>()
  let isClosed = false

  const hire = (): Worker => {
    const worker = new Worker(entry, {
      // Secrets of the agent's environment are no business of a task. Where compiled code is kept, it is not let know either: see the entry.
      env: compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled },
      ...(heapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMb } }),
    })
    all.add(worker)
    worker.on('error', () => {}) // `run` has its own listener; an idle thread that dies is only missed
    worker.once('exit', () => {
      all.delete(worker)
      const at = idle.indexOf(worker)
      if (at >= 0) idle.splice(at, 1)
    })
    return worker
  }

  return {
    async run(order) {
      if (isClosed) throw new IpdcError('CANCELLED', { message: 'The agent stops' })
      if (order.signal.aborted) throw cancelled(order.signal)
      const worker = idle.pop() ?? hire()
      worker.ref()
      const { outcome, fit } = await runOn(worker, order)
      worker.unref() // an idle thread keeps nobody alive
      if (fit && !isClosed) idle.push(worker)
      else void worker.terminate()
      if (outcome.is === 'done') return outcome.result
      throw outcome.error
    },
    async close() {
      isClosed = true
      await Promise.all([...all].map((worker) => worker.terminate()))
    },
  }
}

type Outcome = { readonly is: 'done'; readonly result: unknown } | { readonly is: 'failed'; readonly error: IpdcError }

/** `fit`: whether the thread can be used again. */
function runOn(worker: Worker, { assignment, service, signal, log, progress }: Order): Promise<{ outcome: Outcome; fit: boolean }> {
  const post = (message: ToHost, transfer?: readonly ArrayBuffer[]) => worker.postMessage(message, transfer)
  return new Promise((resolve) => {
    let killer: NodeJS.Timeout | undefined

    const end = (outcome: Outcome, fit: boolean) => {
      clearTimeout(killer)
      signal.removeEventListener('abort', abort)
      worker.off('message', hear)
      worker.off('error', die)
      worker.off('exit', leave)
      service.close()
      resolve({ outcome: signal.aborted ? { is: 'failed', error: cancelled(signal) } : outcome, fit })
    }
    const abort = () => {
      post({ is: 'abort' })
      killer = setTimeout(() => end({ is: 'failed', error: cancelled(signal) }, false), graceMs)
    }
    const die = (error: unknown) =>
      end(
        {
          is: 'failed',
          error: new IpdcError('TASK_FAILED', { message: `The thread of the task died: ${String((error as Error)?.message ?? error)}`, cause: error }),
        },
        false,
      )
    const leave = (code: number) => die(new Error(`it ended with code ${code}`))
    const hear = (message: FromHost) => {
      switch (message.is) {
        case 'ready':
          return
        case 'call':
          void answer(message)
          return
        case 'progress':
          progress(message)
          return
        case 'log':
          log[message.level](message.fields, message.message)
          return
        case 'scratch':
          service.madeScratch()
          return
        case 'done':
          end({ is: 'done', result: message.result }, true)
          return
        case 'failed':
          end({ is: 'failed', error: fromFailure(message.error) }, true)
          return
      }
    }
    const answer = async ({ id, call }: Extract<FromHost, { is: 'call' }>) => {
      try {
        const { value, transfer } = await service.answer(call)
        post({ is: 'answer', id, value }, transfer)
      } catch (error) {
        post({ is: 'refusal', id, error: toFailure(error) })
      }
    }

    worker.on('message', hear)
    worker.on('error', die)
    worker.on('exit', leave)
    signal.addEventListener('abort', abort)
    post({ is: 'run', assignment })
  })
}

function cancelled(signal: AbortSignal): IpdcError {
  return signal.reason instanceof IpdcError ? signal.reason : new IpdcError('CANCELLED', { message: 'The attempt was ended', cause: signal.reason })
}
