/** Who hears which message: commands for this node's tasks, facts for its own jobs. A message never brings the agent down. */
import type { Log } from '../src/core/log.ts'
import type { Message } from '../src/core/wire/message.ts'
import type { createBeats } from './beats.ts'
import type { createIntake } from './intake.ts'

export interface RouteOptions {
  readonly intake: ReturnType<typeof createIntake>
  readonly beats: ReturnType<typeof createBeats>
  readonly coordinator: { receive(message: Message): void }
  /** A coordinator spoke to this node. */
  readonly interested: (coordinator: string, what?: 'offer') => void
  readonly log: Log
}

export function createRoute({ intake, beats, coordinator, interested, log }: RouteOptions): (message: Message) => Promise<void> {
  const give = async (message: Message): Promise<void> => {
    switch (message.type) {
      case 'task.offer':
        interested(message.src, 'offer')
        return intake.offer(message)
      case 'task.cancel':
        interested(message.src)
        return beats.cancelled(message)
      case 'lease.grant':
        interested(message.src)
        return beats.granted(message)
      case 'job.close':
        return beats.closed(message)
      case 'task.accepted':
      case 'task.refused':
      case 'task.started':
      case 'task.done':
      case 'task.failed':
      case 'task.cancelled':
      case 'task.progress':
      case 'node.beat':
        return coordinator.receive(message)
      case 'node.presence':
      case 'node.gone':
        return
    }
  }
  return async (message) => {
    try {
      await give(message)
    } catch (error) {
      log.error({ type: message.type, src: message.src, job: message.job, err: error }, 'message not handled')
    }
  }
}
