/**
 * A process that holds a queue and is to be killed: `node holder.ts '{"use":"redis", …}'` adds items a, b, c, d, runs the first
 * two without end, and prints `holds`.
 */

import { openRedisQueue } from '../../../agent/queue/redis.ts'
import { silent } from '../../../src/core/log.ts'

const { use, ...options } = JSON.parse(process.argv[2] ?? '{}')
const queue =
  use === 'redis'
    ? await openRedisQueue({ ...options, limit: 10, log: silent })
    : await (await import('../../../agent/queue/embedded.ts')).openEmbeddedQueue({ ...options, limit: 10, log: silent })
const begun: string[] = []
const twoBegun = new Promise<void>((resolve) => {
  queue.take(({ id }) => {
    if (begun.push(id) === 2) resolve()
    return new Promise(() => {})
  }, 2)
})
for (const id of ['a', 'b', 'c', 'd']) await queue.add({ id, data: new TextEncoder().encode(`bytes of ${id}`) })
await twoBegun
process.stdout.write('holds\n')
await new Promise(() => setInterval(() => {}, 1e6))
