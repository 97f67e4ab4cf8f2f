/** The queue that the configuration asks for. What it is made of is loaded only here. */
import { join } from 'node:path'
import type { Config } from '../../src/core/config.ts'
import type { NodeId } from '../../src/core/kind.ts'
import type { Log } from '../../src/core/log.ts'
import type { Queue } from '../../src/core/ports.ts'

export interface OpenQueueOptions {
  readonly config: Config['queue']
  readonly home: string
  readonly node: NodeId
  /** Where the configuration gives none. */
  readonly limit: number
  readonly log: Log
}

/** @throws NO_QUEUE, QUEUE_DOWN, ALREADY_RUNNING, BAD_CONFIG */
export async function openQueue({ config, home, node, limit: most, log }: OpenQueueOptions): Promise<Queue> {
  const { limit = most } = config
  switch (config.use) {
    case 'embedded': {
      const { openEmbeddedQueue } = await import('./embedded.ts')
      return openEmbeddedQueue({ path: join(home, 'queue.db'), durability: config.durability, limit, log })
    }
    case 'redis': {
      const { openRedisQueue } = await import('./redis.ts')
      return openRedisQueue({ url: config.url ?? '', passwordFile: config.passwordFile, node, limit, log })
    }
    case 'memory': {
      const { createMemoryQueue } = await import('./memory.ts')
      return createMemoryQueue({ limit })
    }
  }
}
