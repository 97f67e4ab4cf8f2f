/** `ipdc node queue [NODE]`: what a node's queue holds; pauses it, lets it go on, sends tasks away. */
import { boolean, string } from '@oclif/core/flags'
import { maxQueueEntries, type NodeView, type QueueEntry, type QueueOrder } from '../../core/client/api.ts'
import { durationText } from '../base/amounts.ts'
import { optional } from '../base/args.ts'
import { cutText, findNode, holdText } from '../base/node.ts'
import { namesOf } from '../base/stages.ts'
import { table } from '../base/table.ts'
import { BaseCommand } from '../base.ts'

export interface QueueAnswer {
  readonly node: string
  /** As it is after the order, if there was one. */
  readonly queue: readonly QueueEntry[]
  /** How much it holds, where that is more than is listed. */
  readonly held?: number
  /** Tasks that were sent away. */
  readonly dropped?: number
}

export default class NodeQueue extends BaseCommand {
  static override summary = 'List what the queue of a node holds, pause it, or send tasks away; without NODE that of this home'
  static override description =
    `A paused node takes nothing, gives back what waits and finishes what runs; it stays paused over restarts of its agent, until --resume.
What is dropped is not lost: its coordinator gives it to another node, at no charge. To end a job itself: ipdc job cancel.
The queue of another node may be read by any member of the domain, and changed only from the node that founded it.`
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> ada --json',
    '<%= config.bin %> <%= command.id %> ada --pause',
    '<%= config.bin %> <%= command.id %> ada --resume',
    '<%= config.bin %> <%= command.id %> ada --drop all',
  ]
  static override args = { node: optional('name of a node, or its id or the beginning of one') }
  static override flags = {
    pause: boolean({ description: 'take nothing more, and give back what waits', exclusive: ['resume', 'drop'] }),
    resume: boolean({ description: 'take tasks again', exclusive: ['pause', 'drop'] }),
    drop: string({ description: 'send away the tasks of a job, waiting and running, or of all', helpValue: 'JOB|all', exclusive: ['pause', 'resume'] }),
  }

  async run(): Promise<QueueAnswer> {
    const { args, flags } = await this.parse(NodeQueue)
    const { client } = await this.connect()
    const nodes = await client.nodes()
    const node = findNode(nodes, args.node, 'ipdc node queue')
    const order = orderOf(flags)
    const done = order === undefined ? undefined : await client.order(node.id, order)
    const [queue, now] = await Promise.all([client.queue(node.id), order === undefined ? node : afterwards(client.nodes({ status: true }), node)])
    const held = queue.length < maxQueueEntries ? undefined : heldBy(await afterwards(client.nodes({ status: true }), node))
    if (order === undefined) this.list(queue, nodes)
    else this.say(done?.dropped === undefined || order.do !== 'drop' ? `${node.name} is ${order.do}d` : `${node.name} sent away ${done.dropped}`)
    const hold = holdText(now)
    const cut = cutText(queue.length, held)
    if (order === undefined && cut !== '') this.say(cut)
    if (hold !== '') this.say(`${node.name} ${hold}`)
    return { node: node.id, queue, ...(held === undefined ? {} : { held }), ...(order?.do === 'drop' ? { dropped: done?.dropped ?? 0 } : {}) }
  }

  private list(queue: readonly QueueEntry[], nodes: readonly NodeView[]): void {
    const names = namesOf(nodes)
    const rows = queue.map(({ job, stage, task, attempt, is, seconds, coordinator }) => [
      job,
      stage,
      task,
      attempt,
      is,
      durationText(seconds * 1000),
      names.get(coordinator) ?? coordinator.slice(0, 8),
    ])
    if (rows.length === 0) this.say('Nothing is queued')
    else this.print(table(['JOB', 'STAGE', 'TASK', 'TRY', 'STATE', 'AGE', 'FROM'], rows, this.out))
  }
}

function orderOf({ pause, resume, drop }: { readonly pause: boolean; readonly resume: boolean; readonly drop: string | undefined }): QueueOrder | undefined {
  if (pause) return { do: 'pause' }
  if (resume) return { do: 'resume' }
  return drop === undefined ? undefined : { do: 'drop', job: drop }
}

async function afterwards(nodes: Promise<readonly NodeView[]>, before: NodeView): Promise<NodeView> {
  return (await nodes).find(({ id }) => id === before.id) ?? before
}

/** Undefined where the node did not answer. */
function heldBy({ queue }: NodeView): number | undefined {
  return queue === undefined ? undefined : queue.waiting + queue.running
}
