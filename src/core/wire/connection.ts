/** One connection to a broker, from its acceptance to its end: what an adapter gives, and `link` replaces when it is gone. */
import type { Will } from '../ports.ts'

export interface Connection {
  /**
   * QoS 1: resolves when the broker has it. Stays open where the connection ends first: whoever waits watches `ended`.
   * QoS 0: resolves at once; dropped where the network is slower than we are.
   * @throws BROKER_REFUSED, TOO_LARGE: not this message
   */
  publish(topic: string, bytes: Uint8Array, options: { readonly qos: 0 | 1; readonly retain: boolean }): Promise<void>
  /** Stays open where the connection ends first. @throws BROKER_REFUSED */
  subscribe(filters: readonly string[]): Promise<void>
  unsubscribe(filters: readonly string[]): Promise<void>
  /** Ends it in good order, so that the broker forgets the will; in no more than a second. */
  end(): Promise<void>
  /** Resolves with why, when it has ended. Never rejects. */
  readonly ended: Promise<string>
  /** Messages of QoS 1 that may be on their way at once. */
  readonly window: number
}

export interface Opening {
  readonly will: Will | undefined
  /** For each message. `taken` acknowledges it; a promise asks to bring no more until it resolves. */
  readonly receive: (topic: string, bytes: Uint8Array, taken: () => void) => Promise<void> | undefined
  /** Ends the try. */
  readonly signal: AbortSignal
}

/** @throws NO_BROKER, BROKER_REFUSED */
export type Connect = (opening: Opening) => Promise<Connection>
