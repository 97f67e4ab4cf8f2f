/** Nodes as people name them, and how full they are in few words. */
import type { NodeView, QueueView } from '../../core/client/api.ts'
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

/** `12+2`: waiting and running. */
export function queueText({ queue }: Pick<NodeView, 'queue'>): string {
  return queue === undefined ? '?' : `${queue.waiting}+${queue.running}`
}

/** Why it takes nothing, or fewer than it could; empty where nothing holds it back. */
export function holdText({ reason, now, state }: Pick<NodeView, 'reason' | 'now' | 'state'>): string {
  if (state === 'gone' || reason === undefined) return ''
  return `takes ${now === 0 || reason === 'full' ? 'nothing' : 'fewer'}: ${reasons[reason]}`
}

/** What became of a queue file that was damaged. */
export function damagedText({ kept, cause }: NonNullable<QueueView['damaged']>): string {
  return `${cause}; kept as ${kept}`
}
