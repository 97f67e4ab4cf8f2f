/** Drives the table of members: hears presence and wills, probes who is suspect, tells who changed. */
import type { MemberEvent, Members, Node } from '../src/core/cluster/members.ts'
import type { Ms, NodeId } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import type { Clock } from '../src/core/ports.ts'
import type { Message } from '../src/core/wire/message.ts'
import { probe } from './probe.ts'

/** A node that does not answer at all counts as gone after this: its leases have run out by then. @default 12_000 (ms) */
const silentMs: Ms = 12_000
/** Between two probes of a silent node. @default 2_000 (ms) */
const againMs: Ms = 2_000
/** How often the table looks for nodes that were not heard of. @default 30_000 (ms) */
const tickMs: Ms = 30_000

export interface NeighboursOptions {
  readonly members: Members
  readonly self: NodeId
  readonly clock: Clock
  readonly log: Log
  /** `isNew`: a start of the agent that was not heard of before. */
  readonly changed: (node: Node, isNew: boolean) => void
}

export function createNeighbours({ members, self, clock, log, changed }: NeighboursOptions) {
  const stopping = new AbortController()
  const probing = new Set<NodeId>()
  const waiting = new Set<NodeJS.Timeout>()
  let ticking: NodeJS.Timeout | undefined

  const apply = (event: MemberEvent) => {
    const bootOf = 'src' in event ? members.get(event.src)?.boot : undefined
    for (const instruction of members.next(event, clock.now())) {
      switch (instruction.is) {
        case 'probe':
          void ask(instruction.node, clock.now())
          break
        case 'changed':
          log.info({ node: instruction.node.id, name: instruction.node.name, state: instruction.node.state, boot: instruction.node.boot }, 'member')
          changed(instruction.node, event.is === 'presence' && instruction.node.boot !== bootOf)
          break
        case 'full':
          log.warn({ node: instruction.src }, 'too many members: presence not taken')
          break
      }
    }
  }

  const ask = async (node: Node, since: Ms) => {
    if (probing.has(node.id) || node.id === self) return
    probing.add(node.id)
    const answer = await probe(node.addresses, stopping.signal)
    probing.delete(node.id)
    if (stopping.signal.aborted || members.get(node.id)?.state !== 'suspect') return
    log.info({ node: node.id, answer: answer.is }, 'probed')
    if (answer.is === 'silent' && clock.now() - since < silentMs) {
      const timer = setTimeout(() => {
        waiting.delete(timer)
        void ask(node, since)
      }, againMs)
      waiting.add(timer)
      return
    }
    apply({ is: 'probed', node: node.id, boot: answer.is === 'alive' ? answer.boot : undefined })
  }

  return {
    start(): void {
      ticking = setInterval(() => apply({ is: 'tick' }), tickMs)
    },
    hear(message: Message): void {
      const { src, boot, seq } = message
      if (message.type === 'node.presence') apply({ is: 'presence', src, boot, seq, presence: message.body })
      else if (message.type === 'node.gone') apply({ is: 'gone', src, boot, seq, closed: message.body.closed })
      else apply({ is: 'heard', src, boot })
    },
    stop(): void {
      stopping.abort()
      clearInterval(ticking)
      for (const timer of waiting) clearTimeout(timer)
    },
  }
}
