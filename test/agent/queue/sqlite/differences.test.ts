/** What the random sequences of differential.test.ts found once, each by its name: where SQLite did not do what Redis does. */
import { createRedisBackend } from 'bullmq'
import t from 'tap'
import { startRedis } from '../../../services/redis.ts'
import { needs } from '../../../services.ts'
import type { Command, Options, Setup } from './differential/command.ts'
import { differenceOf, tell } from './differential/lockstep.ts'
import { onRedis } from './differential/redis.ts'
import { onSqlite } from './differential/sqlite.ts'

const minute10 = 600_000

function add(options: Options = {}): Command {
  return { is: 'add', job: { name: 'x', data: { do: 'return' }, options } }
}

const claim: Command = { is: 'claim', token: 't1' }
const complete: Command = { is: 'complete', who: 0, token: 'own', value: 'done', fetch: false }
const fail: Command = { is: 'fail', who: 0, token: 'own', message: 'boom', fetch: false, final: false }
const later: Command = { is: 'advance', ms: minute10 + 10_000 }
/** A job is added that is due at once, but nobody has asked for a job since. */
const due: Command = add({ delay: minute10, ago: minute10 })

/** More than either backend moves or removes in one step. */
const many = 1100

interface Row {
  /** What Redis does. */
  readonly title: string
  readonly setup?: Partial<Setup>
  readonly commands: readonly Command[]
  /** Result or error of the last command on both. */
  readonly gives?: unknown
}

const rows: readonly Row[] = [
  {
    title: 'a rate limit asked about with 0 is that of the queue',
    commands: [
      { is: 'setGlobalRateLimit', max: 1, ms: minute10 },
      { is: 'getRateLimitTtl', max: 0 },
    ],
    gives: { result: 0 },
  },
  {
    title: 'a failure that is refused, since the job is not active, has written its reason',
    commands: [add(), { ...fail, who: 3, token: 'zero' }],
    gives: { error: { name: 'Error', message: 'Job 1 is not in the active state. moveToFinished', code: -3 } },
  },
  {
    title: 'a job that was ended with the token 0 keeps the lock of its worker',
    commands: [add(), claim, { ...complete, token: 'zero' }, { is: 'remove', who: 0, by: 'queue' }],
    gives: { result: 0 },
  },
  {
    title: 'a retry that is refused has put in line what is due',
    commands: [add({ attempts: 2 }), claim, due, { ...fail, token: 'other' }],
    gives: { error: { name: 'Error', message: 'Lock mismatch for job 1. Cmd retryJob from active', code: -6 } },
  },
  {
    title: 'a claim that finds nothing tells when the next job is due, also after an earlier one was removed',
    commands: [add({ delay: minute10 }), add({ delay: 2 * minute10 }), { is: 'remove', who: 0, by: 'queue' }, add(), { ...complete, fetch: true }],
    gives: { result: [null, 0, 0, 1_700_001_200_002] },
  },
  {
    title: 'a priority that is changed while its job is active counts at the next attempt',
    commands: [add({ attempts: 2 }), claim, { is: 'changePriority', who: 3, priority: 1, lifo: false }, fail],
    gives: {},
  },
  {
    title: 'a job is due for all of the millisecond that its time lies in',
    commands: [add({ delay: 0.5, ago: -minute10 }), add(), { ...complete, fetch: true }, { is: 'advance', ms: minute10 - 2 }, claim],
  },
]

/** Never found to differ, and beyond the reach of random sequences: more jobs than fit into one step. */
const large: readonly Row[] = [
  { title: 'many delayed jobs are promoted', commands: [{ is: 'addMany', count: many, options: { delay: minute10 } }, { is: 'promoteJobs' }, claim] },
  { title: 'many due jobs are put in line by claims', commands: [{ is: 'addMany', count: many, options: { delay: minute10 } }, later, claim, complete, claim] },
  {
    title: 'many jobs are drained',
    commands: [
      { is: 'addMany', count: many, options: { priority: 2 } },
      { is: 'addMany', count: many, options: {} },
      { is: 'drain', delayed: true },
    ],
  },
  {
    title: 'many jobs are cleaned',
    commands: [
      { is: 'addMany', count: many, options: {} },
      { is: 'clean', grace: 0, limit: 1050, type: 'wait' },
      { is: 'clean', grace: 0, limit: 0, type: 'wait' },
    ],
  },
  {
    title: 'many jobs run, are retried, and are obliterated',
    commands: [
      { is: 'addMany', count: many, options: {} },
      { is: 'work' },
      { is: 'retryJobs', state: 'completed' },
      claim,
      { is: 'obliterate', force: false, count: 1000 },
      { is: 'obliterate', force: true, count: 1050 },
      add(),
    ],
  },
  {
    title: 'many finished jobs go when they are too old, a thousand at a time',
    commands: [{ is: 'addMany', count: many, options: {} }, { is: 'work' }, later, add({ removeOnComplete: { age: 600 } }), complete],
  },
  {
    title: 'a range of many jobs is the same from either end',
    commands: [
      { is: 'addMany', count: many, options: {} },
      { is: 'getJobs', types: ['waiting'], start: 990, end: 1010, asc: true },
      { is: 'getJobs', types: ['waiting'], start: -20, end: -2, asc: false },
      { is: 'restart' },
      { is: 'getJobs', types: ['waiting'], start: 95, end: 105, asc: false },
    ],
    setup: { restarts: true },
  },
]

const program = needs(t, 'redis-server')
if (program !== undefined) {
  const redis = await startRedis(t, { program })
  const left = onRedis(redis.url, createRedisBackend as never)
  t.teardown(() => left.end())
  for (const { title, setup, commands, gives } of [...rows, ...large]) {
    t.test(title, async (t) => {
      let last: unknown
      const sequence = { setup: { maxStalledCount: 0, defaults: {}, listens: false, restarts: false, ...setup }, commands }
      const difference = await differenceOf(left, onSqlite(), sequence, (result) => {
        last = result
      })
      t.equal(difference && tell(difference), undefined)
      if (gives !== undefined) t.same(last, gives)
    })
  }
}
