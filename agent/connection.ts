/** The broker that this agent speaks over: the one it was told, or an embedded one of its own on loopback. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
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

export interface ConnectionOptions {
  readonly config: Pick<Config, 'broker' | 'serveBroker' | 'tls'>
  readonly home: string
  readonly self: NodeId
  readonly log: Log
}

/** Not connected yet: that is for presence, which brings the will. @throws NOT_OFFERED, BAD_CONFIG, IO */
export async function openConnection({ config, home, self, log }: ConnectionOptions): Promise<Connection> {
  const [given, ...more] = config.broker
  if (more.length > 0)
    throw new IpdcError('NOT_OFFERED', { message: 'Several brokers at once are not offered by this version of ipdc', hint: 'Give --broker once' })
  const ca = config.tls?.ca === undefined ? undefined : await readCa(resolve(home, config.tls.ca))
  const server = given === undefined || config.serveBroker !== undefined ? await serve(config.serveBroker ?? 0) : undefined
  const url = given ?? server?.url ?? ''
  const broker = createMqttBroker({ url, clientId: self, ca, timeoutMs: firstMs, log: log.child({ room: 'mqtt' }) })
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

async function readCa(path: string): Promise<Buffer> {
  try {
    const pem = await readFile(path)
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem
    throw new Error('it holds no certificate in PEM')
  } catch (cause) {
    throw new IpdcError('BAD_CONFIG', { message: `tls.ca: ${path} cannot be used: ${(cause as Error).message}`, cause })
  }
}

/** aedes is loaded by the agent that serves, by no other. */
async function serve(port: number) {
  const { createEmbeddedBroker } = await import('../src/core/wire/embedded.ts')
  return createEmbeddedBroker({ host: '127.0.0.1', port })
}
