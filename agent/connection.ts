/** The broker that this agent speaks over: the one it was told, or an embedded one of its own on loopback. */
import type { Config } from '../src/core/config.ts'
import { IpdcError } from '../src/core/errors.ts'
import type { NodeId } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import type { Broker } from '../src/core/ports.ts'
import { createMqttBroker } from '../src/core/wire/mqtt.ts'

/** For the first connection: with its own start, the agent says within 5 s that there is no broker. @default 3_500 (ms) */
const firstMs = 3_500

export interface Connection {
  readonly broker: Broker
  /** Where others find the broker. */
  readonly url: string
  /** Whether it is served by this agent. */
  readonly serves: boolean
  close(): Promise<void>
}

/** Not connected yet: that is for presence, which brings the will. @throws NOT_OFFERED, IO */
export async function openConnection({ config, self, log }: { readonly config: Config; readonly self: NodeId; readonly log: Log }): Promise<Connection> {
  const [given, ...more] = config.broker
  if (more.length > 0)
    throw new IpdcError('NOT_OFFERED', { message: 'Several brokers at once are not offered by this version of ipdc', hint: 'Give --broker once' })
  const server = given === undefined || config.serveBroker !== undefined ? await serve(config.serveBroker ?? 0) : undefined
  const url = given ?? server?.url ?? ''
  const broker = createMqttBroker({ url, clientId: self, timeoutMs: firstMs, log: log.child({ room: 'mqtt' }) })
  return {
    broker,
    url,
    serves: server !== undefined,
    async close() {
      await broker.close()
      await server?.close()
    },
  }
}

/** aedes is loaded by the agent that serves, by no other. */
async function serve(port: number) {
  const { createEmbeddedBroker } = await import('../src/core/wire/embedded.ts')
  return createEmbeddedBroker({ host: '127.0.0.1', port })
}
