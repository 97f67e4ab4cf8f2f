/**
 * The members of a domain as their presence tells. The newest (boot, seq) of a node wins, whatever the order of arrival. A will
 * only means *probe now*: a node is gone when it said so, or when it did not answer. Bounded: the longest gone makes room.
 */
import type { Ms, NodeId } from '../kind.ts'
import type { NodePresence } from '../wire/message.ts'

/** Nodes that a table holds, at most. @default 10_000 */
export const maxMembers = 10_000

/** Presence comes every 5 minutes; a node that missed two is probed. @default 660_000 (ms) */
export const staleMs: Ms = 660_000

export interface Node extends Omit<NodePresence, 'state'> {
  readonly id: NodeId
  /** `suspect`: its will came, or nothing for long; it gets no new work until it has answered. */
  readonly state: 'up' | 'draining' | 'suspect' | 'gone'
  /** What its own presence said last. */
  readonly announced: NodePresence['state']
  readonly boot: number
  readonly seq: number
  /** Last sign of life. */
  readonly seenAt: Ms
}

export type MemberEvent =
  | { readonly is: 'presence'; readonly src: NodeId; readonly boot: number; readonly seq: number; readonly presence: NodePresence }
  /** The will, or (`closed`) the last word of an agent that stops. */
  | { readonly is: 'gone'; readonly src: NodeId; readonly boot: number; readonly seq: number; readonly closed: boolean }
  /** Any other message of it. */
  | { readonly is: 'heard'; readonly src: NodeId; readonly boot: number }
  /** `boot` is what the node answered, undefined when it did not. */
  | { readonly is: 'probed'; readonly node: NodeId; readonly boot: number | undefined }
  | { readonly is: 'tick' }

export type MemberInstruction =
  | { readonly is: 'probe'; readonly node: Node }
  | { readonly is: 'changed'; readonly node: Node }
  /** The table is full of living nodes. */
  | { readonly is: 'full'; readonly src: NodeId }

export interface Members {
  next(event: MemberEvent, now: Ms): MemberInstruction[]
  get(id: NodeId): Node | undefined
  /** Those that are gone too. */
  list(): Node[]
}

export function createMembers(max = maxMembers): Members {
  const nodes = new Map<NodeId, Node>()
  /** Ids of those that are gone, the longest gone first. */
  const gone = new Set<NodeId>()

  function next(event: MemberEvent, now: Ms): MemberInstruction[] {
    switch (event.is) {
      case 'presence':
        return presence(event, now)
      case 'gone':
        return leave(event, now)
      case 'heard':
        return heard(nodes.get(event.src), event.boot, now)
      case 'probed':
        return probed(nodes.get(event.node), event.boot, now)
      case 'tick':
        return [...nodes.values()].filter((node) => isAlive(node) && node.state !== 'suspect' && node.seenAt + staleMs <= now).flatMap(suspect)
    }
  }

  function presence({ src, boot, seq, presence }: MemberEvent & { is: 'presence' }, now: Ms): MemberInstruction[] {
    const known = nodes.get(src)
    if (known !== undefined && !isNewer({ boot, seq }, known)) return []
    if (known === undefined && !makeRoom()) return [{ is: 'full', src }]
    return put({ ...presence, announced: presence.state, id: src, boot, seq, seenAt: now })
  }

  function leave({ src, boot, seq, closed }: MemberEvent & { is: 'gone' }, now: Ms): MemberInstruction[] {
    const known = nodes.get(src)
    if (known === undefined || !isAlive(known) || boot < known.boot) return []
    if (closed) return isNewer({ boot, seq }, known) ? put({ ...known, boot, seq, state: 'gone', seenAt: now }) : []
    // The will is signed before the presence that it stands behind, so its seq tells nothing: only the boot counts.
    return suspect(known)
  }

  function heard(known: Node | undefined, boot: number, now: Ms): MemberInstruction[] {
    if (known === undefined || known.boot !== boot) return []
    // A broker delivers messages of the dead, too: a sign of life brings back the question, not the node.
    if (known.state === 'gone') return suspect(known)
    nodes.set(known.id, { ...known, seenAt: now })
    return []
  }

  function probed(known: Node | undefined, boot: number | undefined, now: Ms): MemberInstruction[] {
    if (known?.state !== 'suspect') return []
    // Another boot answers: the one that we know is dead, and the new one will say itself what it offers.
    return put(boot === known.boot ? { ...known, state: known.announced, seenAt: now } : { ...known, state: 'gone' })
  }

  function suspect(node: Node): MemberInstruction[] {
    if (node.state === 'suspect') return [{ is: 'probe', node }]
    const changed = put({ ...node, state: 'suspect' })
    return [...changed, ...changed.map(({ node }) => ({ is: 'probe', node }) as const)]
  }

  function put(node: Node): { readonly is: 'changed'; readonly node: Node }[] {
    nodes.set(node.id, node)
    gone.delete(node.id)
    if (node.state === 'gone') gone.add(node.id)
    return [{ is: 'changed', node }]
  }

  function makeRoom(): boolean {
    if (nodes.size < max) return true
    for (const id of gone) return gone.delete(id) && nodes.delete(id)
    return false
  }

  return { next, get: (id) => nodes.get(id), list: () => [...nodes.values()] }
}

export function isAlive(node: Pick<Node, 'state'>): boolean {
  return node.state !== 'gone'
}

function isNewer(a: Pick<Node, 'boot' | 'seq'>, b: Pick<Node, 'boot' | 'seq'>): boolean {
  return a.boot > b.boot || (a.boot === b.boot && a.seq > b.seq)
}
