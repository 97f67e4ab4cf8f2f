/** Which members are not what they were when somebody looked last. */
import type { NodeId } from '../kind.ts'
import type { Members, Node } from './members.ts'

/** Each call gives the nodes that came, changed or went since the one before. */
export function createChanges(members: Pick<Members, 'list'>): () => Node[] {
  let known = new Map<NodeId, string>()
  return () => {
    const nodes = members.list()
    // A sign of life is no change: only what the node says of itself, and whether it is there.
    const now = new Map(nodes.map((node) => [node.id, `${node.boot} ${node.seq} ${node.state}`]))
    const changed = nodes.filter(({ id }) => known.get(id) !== now.get(id))
    known = now
    return changed
  }
}
