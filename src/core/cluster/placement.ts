/**
 * Nodes in order of preference for a key, by rendezvous hash: every coordinator agrees on the order without talking, and a node
 * that comes or goes moves only the keys that are its own.
 */
import { hash } from 'node:crypto'
import type { Needs, NodeId } from '../kind.ts'
import type { Node } from './members.ts'

/** What a task asks of a node. */
export interface Want {
  /** Label of its kind: `mr@1`. */
  readonly kind: string
  readonly needs?: Needs | undefined
  /** Nodes that may run it: a must. */
  readonly on?: readonly NodeId[] | undefined
}

/** Best first. */
export function rank(key: string, nodes: Iterable<NodeId>): NodeId[] {
  return Array.from(nodes, (node) => ({ node, weight: weight(key, node) }))
    .sort((a, b) => (a.weight < b.weight ? -1 : 1))
    .map(({ node }) => node)
}

/** The first `count` of the ranking: the nodes of a job with `--nodes`. One that falls out is replaced by the next. */
export function firstOf(count: number, key: string, nodes: Iterable<NodeId>): NodeId[] {
  return rank(key, nodes).slice(0, count)
}

/** The one that shall run it: the first of `prefer` that is among `nodes`, else the best for the key. */
export function choose(key: string, nodes: readonly NodeId[], prefer: readonly NodeId[] = []): NodeId | undefined {
  const preferred = prefer.find((node) => nodes.includes(node))
  if (preferred !== undefined || nodes.length < 2) return preferred ?? nodes[0]
  let best: { node: NodeId; weight: string } | undefined
  for (const node of nodes) {
    const own = weight(key, node)
    if (best === undefined || own < best.weight) best = { node, weight: own }
  }
  return best?.node
}

/** Whether new work of this sort may go there. */
export function fits(node: Node, { kind, needs, on }: Want): boolean {
  return (
    node.state === 'up' &&
    node.kinds.includes(kind) &&
    (on === undefined || on.includes(node.id)) &&
    (needs?.memory === undefined || node.memory >= needs.memory) &&
    (needs?.engine === undefined || node.engines.includes(needs.engine)) &&
    (needs?.labels ?? []).every((label) => carries(node, label))
  )
}

export function fitting(nodes: Iterable<Node>, want: Want): Node[] {
  return [...nodes].filter((node) => fits(node, want))
}

/** `key` asks for a label of that key, whatever its value. */
function carries(node: Node, label: string): boolean {
  return node.labels.some((own) => own === label || (!label.includes('=') && own.startsWith(`${label}=`)))
}

function weight(key: string, node: NodeId): string {
  return hash('sha256', `${key}|${node}`)
}
