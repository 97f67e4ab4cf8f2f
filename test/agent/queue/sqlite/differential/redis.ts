/** A real redis-server as one of the sides. One connection serves all sequences. */
import type { BackendFactory, IQueueBackend } from 'bullmq'
import { Redis } from 'ioredis'
import { type Open, storeOn } from './side.ts'

export function onRedis(url: string, factory: BackendFactory<IQueueBackend, never>): Open & { end(): Promise<void> } {
  const connection = new Redis(url, { maxRetriesPerRequest: null })
  // When a test is ended from outside, its server goes first.
  connection.on('error', () => {})
  const open: Open = async (setup) => {
    await connection.flushdb()
    const ground = {
      factory: () => factory,
      connection,
      events: ({ name }: { name: string }) => connection.xrange(`bull:${name}:events`, '-', '+'),
      advance: async (ms: number) => void (await connection.eval(shortenAll, 0, ms)),
      restart: async () => void (await connection.eval(forget, 0)),
      close: async () => {},
    }
    return storeOn(ground, setup)
  }
  return Object.assign(open, { end: async () => void (await connection.quit()) })
}

/** Locks, the rate limit and the pause between two sweeps live on the server's clock, which cannot be set: so each comes nearer to its end. */
const shortenAll = `
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left > tonumber(ARGV[1]) then redis.call('PEXPIRE', key, left - ARGV[1])
  elseif left >= 0 then redis.call('DEL', key) end
end`

/**
 * A process that starts anew looks for stalled jobs at once, its events begin anew, and no lock is left; a server knows all that from before.
 */
const forget = `
for _, name in ipairs({ 'stalled-check', 'events', 'lock' }) do
  for _, key in ipairs(redis.call('KEYS', '*:' .. name)) do redis.call('DEL', key) end
end`
