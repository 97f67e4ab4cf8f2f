/**
 * The side that runs a task's code: takes an assignment from the channel, calls the kind's `run`, says how it ended.
 * One task at a time. Used by every host; what differs between them is the channel and how the kind is found.
 */
import { toFailure } from '../../src/core/errors.ts'
import type { JobKind } from '../../src/core/kind.ts'
import type { Channel, FromHost, ToHost } from './channel.ts'
import { type Calls, createCalls, createContext } from './context.ts'

export function host(channel: Channel<FromHost, ToHost>, kindOf: (label: string) => JobKind): void {
  let calls: Calls | undefined
  let abort: AbortController | undefined

  channel.onMessage((message) => {
    switch (message.is) {
      case 'run':
        abort = new AbortController()
        calls = createCalls(channel)
        void run(message, calls, abort.signal)
        return
      case 'abort':
        abort?.abort()
        return
      case 'answer':
        calls?.settle(message.id, { value: message.value })
        return
      case 'refusal':
        calls?.settle(message.id, { error: message.error })
        return
    }
  })
  channel.post({ is: 'ready' })

  const run = async ({ assignment }: Extract<ToHost, { is: 'run' }>, calls: Calls, signal: AbortSignal) => {
    try {
      const code = await kindOf(assignment.kind).run()
      const result = await code(assignment.value, createContext(assignment, calls, channel, signal))
      calls.close()
      channel.post({ is: 'done', result })
    } catch (error) {
      calls.close()
      channel.post({ is: 'failed', error: failureOf(error) })
    }
  }
}

/** Our own codes pass; whatever else the code throws is the task's failure, with its stack for the reader of the log. */
function failureOf(error: unknown) {
  const failure = toFailure(error)
  if (failure.code !== 'INTERNAL') return failure
  const { name, stack } = (error ?? {}) as { name?: string; stack?: string }
  if (name === 'AbortError') return { ...failure, code: 'CANCELLED' }
  return { ...failure, code: 'TASK_FAILED', message: (stack ?? failure.message).slice(0, 2000) }
}
