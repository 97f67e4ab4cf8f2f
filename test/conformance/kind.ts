/** What every kind of batch job must do. `jobs` are a few jobs small enough to run often; each puts its input into the store it is given. */
import { isDeepStrictEqual } from 'node:util'
import type { Test } from 'tap'
import { decode, encode } from '../../src/core/cbor.ts'
import { type JobKind, namePattern } from '../../src/core/kind.ts'
import { labelOf } from '../../src/core/kinds.ts'
import { createMapStore, type KindStore, runJob, taskContext, valid } from '../fakes/kind-context.ts'
import { shuffler } from '../fakes/random.ts'

export interface Sample {
  readonly name: string
  /** A job as a user would ask for it, without what has a default. */
  job(store: KindStore): Promise<unknown>
}

const seed = 20_240_607

export function conformance<Job, Task, Result>(t: Test, kind: JobKind<Job, Task, Result>, jobs: readonly Sample[]): void {
  t.test('its name and label are fit for the wire', async (t) => {
    t.match(kind.name, namePattern)
    t.match(labelOf(kind), /^[a-z0-9-]+@[1-9][0-9]*$/)
  })

  for (const sample of jobs) {
    t.test(`${sample.name}: a job that its schema accepted is accepted again and unchanged, and one with an unknown member is not`, async (t) => {
      const job = await valid(kind.schema.job, await sample.job(createMapStore()))
      t.same(await valid(kind.schema.job, job), job)
      await t.rejects(valid(kind.schema.job, { ...job, unknownMember: 1 }), { code: 'BAD_DATA' })
      t.ok(encode(job).length <= 65_536)
    })

    t.test(`${sample.name}: tasks and results survive the wire, and results with an unknown member are refused`, async (t) => {
      const store = createMapStore()
      const { results } = await runJob(kind, await sample.job(store), store)
      for (const result of results.values()) {
        t.ok(isDeepStrictEqual(decode(encode(result)), result))
        await t.rejects(valid(kind.schema.result, { ...(result as object), unknownMember: 1 }), { code: 'BAD_DATA' })
      }
    })

    t.test(`${sample.name}: the same root whatever the order in which tasks end (seed ${seed})`, async (t) => {
      const store = createMapStore()
      const job = await sample.job(store)
      const { root } = await runJob(kind, job, store)
      const shuffle = shuffler(seed)
      for (let round = 0; round < 5; round++) t.equal((await runJob(kind, job, store, { order: shuffle })).root.cid, root.cid)
      t.equal((await runJob(kind, job, store, { order: (tasks) => tasks.toReversed() })).root.cid, root.cid)
    })

    t.test(`${sample.name}: run again from the top, it asks for the same tasks and needs none of them done again`, async (t) => {
      const store = createMapStore()
      const job = await sample.job(store)
      const first = await runJob(kind, job, store)
      const again = await runJob(kind, job, store, { known: first.results })
      t.same(again.ran, [])
      t.same([...again.results.keys()].sort(), [...first.results.keys()].sort())
      t.equal(again.root.cid, first.root.cid)
    })

    t.test(`${sample.name}: the root does not depend on the size of chunks that the store gives`, async (t) => {
      const [large, small] = [createMapStore(), createMapStore({ chunkBytes: 61 })]
      t.equal((await runJob(kind, await sample.job(small), small)).root.cid, (await runJob(kind, await sample.job(large), large)).root.cid)
    })

    t.test(`${sample.name}: a task that was cancelled before it began does not end well`, async (t) => {
      const store = createMapStore()
      const job = await valid(kind.schema.job, await sample.job(store))
      const { tasks } = await runJob(kind, job, store)
      const run = await kind.run()
      for (const task of tasks.values()) await t.rejects(run(task, taskContext(store, task, { signal: AbortSignal.abort() })))
    })

    t.test(`${sample.name}: where it is pure, the same task gives the same result`, async (t) => {
      const store = createMapStore()
      const job = await valid(kind.schema.job, await sample.job(store))
      const { tasks, results } = await runJob(kind, job, store)
      const run = await kind.run()
      for (const [name, task] of tasks) if (kind.pure(job)) t.same(await run(task, taskContext(store, task)), results.get(name))
    })
  }
}
