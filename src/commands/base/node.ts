/** Nodes as people name them, and how full they are in few words. */
import { maxQueueEntries, type NodeView, type QueueView } from '../../core/client/api.ts'
import { IpdcError } from '../../core/errors.ts'
import { reasons } from '../../core/reasons.ts'
import { nearest } from './nearest.ts'

type Named = Pick<NodeView, 'id' | 'name' | 'self'>

/** By its name, its id or the beginning of one; without any the one of this home. @throws NOT_FOUND; USAGE where it could be more than one */
export function findNode<N extends Named>(nodes: readonly N[], wanted: string | undefined, command: string): N {
  const found = nodes.filter(({ self, id, name }) => (wanted === undefined ? self : name === wanted || id.startsWith(wanted)))
  const [node, another] = found
  if (another !== undefined) throw new IpdcError('USAGE', { message: `"${wanted}" is more than one node`, hint: `${command} ${another.id}` })
  if (node !== undefined) return node
  const near = nearest(
    wanted ?? '',
    nodes.map(({ name }) => name),
  )
  throw new IpdcError('NOT_FOUND', { message: `No node "${wanted}" in this domain`, hint: near === undefined ? 'ipdc node list' : `${command} ${near}` })
}

/** `1/2` where it runs fewer at once than it was given. */
export function slotsText({ now, slots }: Pick<NodeView, 'now' | 'slots'>): string {
  return now === slots ? String(slots) : `${now}/${slots}`
}

/** `room for 1 task`. */
export function roomText({ room }: Pick<NodeView, 'room'>): string {
  return `room for ${room} ${room === 1 ? 'task' : 'tasks'}`
}

/** `12+2`: waiting and running. */
export function queueText({ queue }: Pick<NodeView, 'queue'>): string {
  return queue === undefined ? '?' : `${queue.waiting}+${queue.running}`
}

/** The same in words, with what kind of queue it is: `embedded: 2 running, 12 waiting, at most 64`. Of one that did not answer `?`. */
export function wholeQueueText({ queue }: Pick<NodeView, 'queue'>): string {
  return queue === undefined ? '?' : `${queue.use}: ${queue.running} running, ${queue.waiting} waiting, at most ${queue.limit}`
}

/** Why it takes nothing, or fewer than it could; empty where nothing holds it back. */
export function holdText({ reason, now, state }: Pick<NodeView, 'reason' | 'now' | 'state'>): string {
  if (state === 'gone' || reason === undefined) return ''
  return `takes ${now === 0 || reason === 'full' ? 'nothing' : 'fewer'}: ${reasons[reason]}`
}

/** Where there is more than an answer holds: how much, as far as the node told; else empty. */
export function cutText(listed: number, held: number | undefined): string {
  if (listed < maxQueueEntries || listed === held) return ''
  return `Only the first ${listed} are listed${held === undefined ? '' : `, of ${held}`}`
}

/** What became of a queue file that was damaged. */
export function damagedText({ kept, cause }: NonNullable<QueueView['damaged']>): string {
  return `${cause}; kept as ${kept}`
}
