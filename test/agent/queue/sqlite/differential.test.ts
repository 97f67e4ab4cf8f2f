/**
 * The SQLite backend against a real redis-server: the same calls, in the same order, at the same time of a clock that both follow,
 * give the same results, states, orders, events and errors. Where documents leave a doubt, this decides.
 */
import { createRedisBackend } from 'bullmq'
import t from 'tap'
import { ring } from '../../../ring.ts'
import { startRedis } from '../../../services/redis.ts'
import { needs } from '../../../services.ts'
import { hunt } from './differential/hunt.ts'
import { planted, plants } from './differential/planted.ts'
import { onRedis } from './differential/redis.ts'
import { onSqlite } from './differential/sqlite.ts'

/** Others: `IPDC_SEED=7 IPDC_RUNS=1000 node test/agent/queue/sqlite/differential.test.ts` */
const seed = Number(process.env.IPDC_SEED ?? 4)
const runs = Number(process.env.IPDC_RUNS ?? ring(200, 2000))

// Alone on a machine it takes 20 s; in the full ring 200.
t.setTimeout(ring(300_000, 1_800_000))

const program = needs(t, 'redis-server')
if (program !== undefined) {
  const redis = await startRedis(t, { program })
  const left = onRedis(redis.url, createRedisBackend as never)
  t.teardown(() => left.end())

  t.test('queue, worker and job calls do on SQLite what they do on Redis', { timeout: ring(200_000, 1_500_000) }, async (t) => {
    t.equal(await hunt(left, onSqlite(), { seed, runs }), undefined, `${runs} sequences, seed ${seed}`)
  })

  t.test('a Worker that runs eight jobs at a time leaves the same behind', { timeout: ring(200_000, 900_000) }, async (t) => {
    const few = Math.ceil(runs / 4)
    t.equal(await hunt(left, onSqlite(), { seed, runs: few, kind: 'mixed', length: 10 }), undefined, `${few} sequences, seed ${seed}`)
  })

  t.test('a backend that differs is found out', { timeout: 200_000 }, async (t) => {
    for (const [name, plant] of Object.entries({ 'nothing at all': () => ({}), ...plants })) {
      const right = onRedis(`${redis.url}/1`, planted(plant) as never)
      t.teardown(() => right.end())
      const found = await hunt(left, right, { seed, runs: name === 'nothing at all' ? 10 : 300, shrinkMs: 0 })
      if (name === 'nothing at all') t.equal(found, undefined, 'Redis does not differ from itself')
      else t.match(found, /differ after command/, name)
    }
  })
}
