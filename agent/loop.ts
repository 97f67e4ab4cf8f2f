/**
 * What this node says to itself: a coordinator often runs tasks on its own node. Such a message needs no bell: it is heard in
 * order, in a later turn of the event loop, as if it had come from the broker, but nobody seals, carries or checks it.
 */
import type { NodeId } from '../src/core/kind.ts'
import { maxAgeMs } from '../src/core/wire/envelope.ts'
import type { Body, Message, MessageType } from '../src/core/wire/message.ts'

export interface LoopOptions {
  readonly self: NodeId
  readonly boot: number
  readonly wall: () => number
  /** Never throws. */
  readonly hear: (message: Message) => Promise<void>
}

export function createLoop({ self, boot, wall, hear }: LoopOptions) {
  let said: Message[] = []
  let seq = 0
  let isHearing = false
  let isStopped = false

  const run = async () => {
    while (said.length > 0) {
      const batch = said
      said = []
      for (const message of batch) await hear(message)
    }
    isHearing = false
  }

  return {
    self,
    say<T extends MessageType>(type: T, { job, term }: { readonly job?: string; readonly term?: number }, body: Body<T>): void {
      if (isStopped) return
      const iat = wall()
      // The compiler cannot see that type and body belong together: the signature says it.
      said.push({ type, src: self, dst: self, job, term, boot, seq: ++seq, iat, exp: iat + maxAgeMs, body } as Message)
      if (isHearing) return
      isHearing = true
      setImmediate(run)
    },
    stop(): void {
      isStopped = true
      said = []
    },
  }
}

export type Loop = ReturnType<typeof createLoop>
