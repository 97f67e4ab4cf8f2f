/** A domain over a memory network, as one node of it meets the others: it speaks, and they keep what they could open. */
import type { Test } from 'tap'
import type { Broker, Clock } from '../../src/core/ports.ts'
import { type Domain, foundDomain } from '../../src/core/trust/domain.ts'
import { createIdentity, type Identity } from '../../src/core/trust/identity.ts'
import { createOpener, createSealer, type Sealer } from '../../src/core/wire/envelope.ts'
import { createMemoryNetwork, type MemoryNetwork } from '../../src/core/wire/memory.ts'
import type { Message, MessageOf, MessageType } from '../../src/core/wire/message.ts'
import { inboxTopic } from '../../src/core/wire/topic.ts'

export interface Peer {
  readonly id: string
  readonly identity: Identity
  /** In order of arrival. What cannot be opened by the rules of the wire is not here. */
  readonly heard: Message[]
  /** Bytes of the largest message. */
  readonly largest: number
  /** What was refused, by reason. */
  readonly refused: Readonly<Record<string, number>>
  of<T extends MessageType>(type: T): MessageOf<T>[]
  /** Resolves when so many of a type were heard. */
  until<T extends MessageType>(type: T, count?: number): Promise<MessageOf<T>[]>
}

export interface Air {
  readonly network: MemoryNetwork
  readonly domain: Domain
  readonly root: Identity
  readonly identity: Identity
  readonly self: string
  readonly broker: Broker
  readonly sealer: Sealer
  /** Another node, its inbox open. */
  peer(): Promise<Peer>
}

export async function openAir(t: Test, clock: Clock): Promise<Air> {
  const { domain, root } = foundDomain('test')
  // Who was cut off comes back at once.
  const network = createMemoryNetwork({ random: () => 0 })
  const identity = createIdentity()
  const { id: self } = identity
  const connect = async (id: string) => {
    const broker = network.broker(id)
    t.teardown(() => broker.close())
    await broker.presence()
    return broker
  }

  const peer = async (): Promise<Peer> => {
    const identity = createIdentity()
    const heard: Message[] = []
    const waiters = new Set<() => void>()
    let largest = 0
    const opener = createOpener({
      domain,
      self: identity.id,
      boot: 1,
      wall: clock.wall,
      keyOf: (node) => (node === self ? keyOfSelf : undefined),
    })
    const broker = await connect(identity.id)
    await broker.subscribe(inboxTopic(domain.id, identity.id), (topic, bytes) => {
      largest = Math.max(largest, bytes.length)
      heard.push(opener.open(topic, bytes))
      for (const wake of waiters) wake()
    })
    // The type says which of the messages are left.
    const of = <T extends MessageType>(type: T) => heard.filter((message) => message.type === type) as unknown as MessageOf<T>[]
    return {
      id: identity.id,
      identity,
      heard,
      refused: opener.refused,
      get largest() {
        return largest
      },
      of,
      async until(type, count = 1) {
        while (of(type).length < count) {
          await new Promise<void>((resolve) => {
            const wake = () => {
              waiters.delete(wake)
              resolve()
            }
            waiters.add(wake)
          })
        }
        return of(type)
      },
    }
  }

  const keyOfSelf = identity.publicKey
  const broker = await connect(self)
  return { network, domain, root, identity, self, broker, sealer: createSealer({ domain, identity, boot: 1, wall: clock.wall, bootOf: () => 1 }), peer }
}
