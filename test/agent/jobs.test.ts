import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { askAfterMs, openJobs, pinOf } from '../../agent/jobs.ts'
import { silent } from '../../src/core/log.ts'
import type { Store } from '../../src/core/ports.ts'
import { createEmbeddedStore } from '../../src/core/store/embedded.ts'
import { bytes, folder } from './rooms.ts'

async function open(t: Test, { isIdle = () => true }: { isIdle?: () => boolean } = {}) {
  const dir = await folder(t)
  const store = await createEmbeddedStore({ path: join(dir, 'store'), limit: 1 << 30, log: silent })
  t.teardown(() => store.close())
  const states = join(dir, 'states')
  await mkdir(states)
  let now = 0
  const clock = { now: () => now, wall: () => now }
  const start = async (change: Partial<Store> = {}) => {
    const jobs = await openJobs({ store: { ...store, ...change }, states, clock, log: silent, isIdle })
    t.teardown(() => jobs.stop())
    return jobs
  }
  return {
    store,
    states,
    start,
    pass: (ms: number) => {
      now += ms
    },
    keep: async (job: string, coordinator: string) => {
      await mkdir(join(states, job), { recursive: true })
      return (await store.addFile(bytes(`${job} of ${coordinator}`), { pin: pinOf(job, coordinator) })).cid
    },
    pins: async () => {
      const names: string[] = []
      for await (const { name } of store.pins()) names.push(name)
      return names.sort()
    },
  }
}

t.test('closing a job ends its pins, removes its state folder and frees its blocks once nothing runs', async (t) => {
  let isIdle = false
  const { store, states, start, keep, pins } = await open(t, { isIdle: () => isIdle })
  let collections = 0
  const jobs = await start({
    gc(options) {
      collections++
      return store.gc(options)
    },
  })
  jobs.heard('job-1', 'a')
  const cid = await keep('job-1', 'a')
  const other = await keep('job-2', 'a')
  await jobs.close('job-1', 'a')
  t.same(await pins(), ['job/job-2/a'])
  t.notOk(existsSync(join(states, 'job-1')))
  t.ok(existsSync(join(states, 'job-2')))
  jobs.collect()
  t.equal(collections, 0, 'something runs: collecting waits')
  t.equal(await store.has(cid), true)
  isIdle = true
  jobs.collect()
  t.equal(collections, 1)
  await jobs.stop()
  t.equal(await store.has(cid), false)
  t.equal(await store.has(other), true)
})

t.test('collecting is done once for what was closed, one at a time, and again for what was closed meanwhile', async (t) => {
  const { start } = await open(t)
  let collected = 0
  const ends: (() => void)[] = []
  const jobs = await start({
    gc: () => {
      collected++
      return new Promise((resolve) => ends.push(() => resolve({ freed: 0 })))
    },
  })
  jobs.collect()
  t.equal(collected, 0, 'nothing was closed')
  await jobs.close('job-1', 'a')
  await jobs.close('job-2', 'a')
  t.equal(collected, 1, 'the second waits for the first')
  ends[0]?.()
  while (collected < 2) await new Promise(setImmediate)
  ends[1]?.()
  await jobs.stop()
  jobs.collect()
  t.equal(collected, 2)
})

t.test('nobody closes the job of another, or takes it over by speaking of it', async (t) => {
  const { states, start, keep, pins, pass } = await open(t)
  const jobs = await start()
  jobs.heard('job-1', 'a')
  await keep('job-1', 'a')
  jobs.heard('job-1', 'mallory')
  await jobs.close('job-1', 'mallory')
  t.same(await pins(), ['job/job-1/a'])
  t.ok(existsSync(join(states, 'job-1')))
  pass(askAfterMs + 1)
  t.same(jobs.asks('a'), ['job-1'])
  await jobs.close('job-1', 'a')
  t.same(await pins(), [])
  t.notOk(existsSync(join(states, 'job-1')))
})

t.test('after a restart the pins say whose jobs data is kept of; a day later it asks', async (t) => {
  const { store, start, keep, pass } = await open(t)
  await keep('job-1', 'a')
  await keep('job-2', 'b')
  await store.addFile(bytes('mine'), { pin: 'user' })
  await store.addFile(bytes('result'), { pin: 'result/job-7' })
  const jobs = await start()
  pass(askAfterMs)
  t.same([...jobs.askable()], [])
  t.same(jobs.asks('a'), [])
  pass(1)
  t.same([...jobs.askable()].sort(), ['a', 'b'])
  t.same(jobs.asks('a'), ['job-1'])
  jobs.heard('job-1', 'a')
  t.same(jobs.asks('a'), [], 'it was heard of')
  await jobs.close('job-2', 'b')
  t.same([...jobs.askable()], [])
})

t.test('it asks for at most 64 jobs at once', async (t) => {
  const { start, pass } = await open(t)
  const jobs = await start()
  for (let i = 0; i < 100; i++) jobs.heard(`job-${i}`, 'a')
  pass(askAfterMs + 1)
  t.equal(jobs.asks('a').length, 64)
})

t.test('a sweep removes state folders of jobs that nothing is kept of, and no others', async (t) => {
  const { states, start, keep } = await open(t)
  await keep('job-1', 'a')
  await mkdir(join(states, 'left'))
  const jobs = await start()
  await jobs.sweep()
  t.notOk(existsSync(join(states, 'left')))
  t.ok(existsSync(join(states, 'job-1')))
})
