/** Sequences at random, by fast-check, which also makes a failing one short. Rare values are there on purpose: they are where backends differ. */
import fc from 'fast-check'
import { type Adding, type Command, type Deed, type Keep, type Options, type Sequence, type Setup, stepMs, unitMs } from './command.ts'

const who = fc.nat(31)
const token = fc.oneof({ weight: 8, arbitrary: fc.constant('own' as const) }, { weight: 1, arbitrary: fc.constantFrom('other' as const, 'zero' as const) })
const ms = fc.constantFrom(0, unitMs, 2 * unitMs, 3 * unitMs)
const lastingMs = fc.constantFrom(unitMs, 2 * unitMs)
const message = fc.constantFrom('boom', 'bang', '', 'ü "quoted" \\ \n')
const value = fc.constantFrom<unknown[]>(undefined, null, 0, 1.5, '', 'done', true, false, { a: { b: [1, 'ü'] } }, [], 'null', '{"a":1}')

const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('return' as const), value }, { requiredKeys: ['do'] }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('throw' as const), message }) },
  { weight: 1, arbitrary: fc.constant({ do: 'unrecoverable' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delay' as const), ms }) },
  { weight: 1, arbitrary: fc.constant({ do: 'wait' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('limit' as const), ms: lastingMs }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('progress' as const), to: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('log' as const), row: fc.constantFrom('a', 'b', '') }) },
)

const keep: fc.Arbitrary<Keep> = fc.oneof(
  fc.boolean(),
  fc.nat(2),
  fc.record({ count: fc.nat(2) }),
  fc.record({ age: fc.constantFrom(0, 600, 1200, 0.5) }),
  fc.constantFrom(-1, { count: -1 }, { age: -1 }, {}),
  fc.record({ age: fc.constantFrom(0, 600), count: fc.integer({ min: 1, max: 2 }), limit: fc.integer({ min: 1, max: 2 }) }, { requiredKeys: ['age'] }),
)

const options: fc.Arbitrary<Options> = fc.record(
  {
    jobId: fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom('a', 'b', 'c', 'd') },
      { weight: 1, arbitrary: fc.constantFrom('0', '7', 'a:b', 'a:b:c', '0:x', 'É', '007', '1e1', '1.5', '__proto__', 'A', '日本', 'a b', 'x'.repeat(200)) },
    ),
    priority: fc.oneof({ weight: 9, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.constantFrom(2_097_151, 2_097_152, 1.5) }),
    lifo: fc.boolean(),
    delay: fc.oneof({ weight: 9, arbitrary: ms }, { weight: 1, arbitrary: fc.constantFrom(-1, 0.5, 1e12) }),
    attempts: fc.integer({ min: -1, max: 3 }),
    backoff: fc.oneof(
      fc.constantFrom(0, unitMs),
      fc.record({ type: fc.constantFrom('fixed' as const, 'exponential' as const), delay: fc.constantFrom(0, unitMs) }),
    ),
    removeOnComplete: keep,
    removeOnFail: keep,
    keepLogs: fc.integer({ min: 1, max: 2 }),
    stackTraceLimit: fc.nat(2),
    sizeLimit: fc.constantFrom(5, 1000),
    ago: fc.constantFrom(unitMs, -unitMs),
  },
  { requiredKeys: [] },
)

/** Most jobs are plain: with every option at once, none would be looked at for itself. */
const adding: fc.Arbitrary<Adding> = fc.record({
  name: fc.constantFrom('x', 'y', 'é "\n'),
  data: fc.oneof(
    { weight: 9, arbitrary: deed },
    { weight: 1, arbitrary: fc.constantFrom<unknown[]>(null, 0, 'text', [], [1], {}, { é: '\u0000' }, undefined) },
  ),
  options: fc.oneof(
    { weight: 2, arbitrary: fc.constant({}) },
    { weight: 2, arbitrary: fc.record({ jobId: fc.constantFrom('a', 'b', 'c', 'd') }, { requiredKeys: [] }) },
    { weight: 2, arbitrary: fc.record({ delay: ms, priority: fc.nat(3) }, { requiredKeys: [] }) },
    { weight: 2, arbitrary: fc.record({ attempts: fc.integer({ min: 2, max: 3 }), backoff: fc.constantFrom(0, unitMs) }, { requiredKeys: ['attempts'] }) },
    { weight: 2, arbitrary: fc.record({ removeOnComplete: keep, removeOnFail: keep }) },
    { weight: 2, arbitrary: options },
  ),
})

const claim: fc.Arbitrary<Command> = fc.record({
  is: fc.constant('claim' as const),
  token: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('t1', 't2', 't3') }, { weight: 1, arbitrary: fc.constant('0') }),
})
const complete: fc.Arbitrary<Command> = fc.record({ is: fc.constant('complete' as const), who, token, value, fetch: fc.boolean() })
const fail: fc.Arbitrary<Command> = fc.record({
  is: fc.constant('fail' as const),
  who,
  token,
  message,
  fetch: fc.boolean(),
  final: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
})
const add: fc.Arbitrary<Command> = fc.record({ is: fc.constant('add' as const), job: adding })
const progress: fc.Arbitrary<Command> = fc.record({
  is: fc.constant('updateProgress' as const),
  who,
  to: fc.oneof(fc.nat(100), fc.constantFrom('half', true, { done: [1, 2] })),
})
const remove: fc.Arbitrary<Command> = fc.record({ is: fc.constant('remove' as const), who, by: fc.constantFrom('job' as const, 'queue' as const) })

const state = fc.constantFrom('waiting' as const, 'active' as const, 'prioritized' as const, 'delayed' as const, 'completed' as const, 'failed' as const)
const edge = fc.integer({ min: -3, max: 4 })
const finished = fc.constantFrom('failed' as const, 'completed' as const)

const onJob: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ is: fc.constant('moveToDelayed' as const), who, token, ms }),
  fc.record({ is: fc.constant('moveToWait' as const), who, token }),
  fc.record({ is: fc.constant('extendLock' as const), who, token, ms: lastingMs }),
  fc.record({ is: fc.constant('extendLocks' as const), token, ms: lastingMs }),
  remove,
  fc.record({ is: fc.constant('changePriority' as const), who, priority: fc.nat(3), lifo: fc.boolean() }),
  fc.record({ is: fc.constant('changeDelay' as const), who, ms }),
  fc.record({ is: fc.constant('promote' as const), who }),
  fc.record({ is: fc.constant('retry' as const), who, state: finished, reset: fc.boolean() }),
  progress,
  fc.record({ is: fc.constant('updateData' as const), who, data: deed }),
  fc.record(
    { is: fc.constant('log' as const), who, row: fc.constantFrom('r1', 'r2', 'r3'), keep: fc.integer({ min: 1, max: 2 }) },
    { requiredKeys: ['is', 'who', 'row'] },
  ),
  fc.record({ is: fc.constant('clearLogs' as const), who, keep: fc.nat(2) }, { requiredKeys: ['is', 'who'] }),
)

const often = (arbitrary: fc.Arbitrary<Command>) => ({ weight: 4, arbitrary })

const onQueue: fc.Arbitrary<Command> = fc.oneof(
  often(fc.record({ is: fc.constantFrom('pause' as const, 'resume' as const, 'resume' as const) })),
  often(fc.record({ is: fc.constantFrom('removeRateLimitKey' as const, 'removeGlobalConcurrency' as const, 'removeGlobalRateLimit' as const) })),
  fc.record({ is: fc.constant('drain' as const), delayed: fc.boolean() }),
  often(
    fc.record({
      is: fc.constant('clean' as const),
      grace: fc.constantFrom(0, -1, 1, unitMs),
      limit: fc.nat(3),
      type: fc.oneof(state, fc.constantFrom('wait' as const, 'paused' as const)),
    }),
  ),
  fc.record({ is: fc.constant('obliterate' as const), force: fc.boolean(), count: fc.constantFrom(1, 2, 1000) }),
  fc.record({ is: fc.constant('rateLimit' as const), ms: lastingMs }),
  fc.record({ is: fc.constant('setGlobalConcurrency' as const), count: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ is: fc.constant('setGlobalRateLimit' as const), max: fc.integer({ min: 0, max: 3 }), ms: lastingMs }),
  often(
    fc.record(
      { is: fc.constant('retryJobs' as const), state: finished, count: fc.integer({ min: 1, max: 2 }), ago: fc.constantFrom(0, unitMs) },
      { requiredKeys: ['is', 'state'] },
    ),
  ),
  often(fc.record({ is: fc.constant('promoteJobs' as const), count: fc.integer({ min: 1, max: 2 }) }, { requiredKeys: ['is'] })),
)

const getter: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    is: fc.constant('getJobs' as const),
    types: fc.array(fc.oneof({ weight: 5, arbitrary: state }, { weight: 1, arbitrary: fc.constantFrom('wait' as const, 'waiting-children' as const) }), {
      maxLength: 3,
    }),
    start: edge,
    end: edge,
    asc: fc.boolean(),
  }),
  fc.record({ is: fc.constant('getJobLogs' as const), who, start: edge, end: edge, asc: fc.boolean() }),
  fc.record({ is: fc.constant('getCountsPerPriority' as const), priorities: fc.array(fc.nat(4), { maxLength: 3 }) }),
  fc.record({ is: fc.constant('getDelayedCount' as const), ms }),
  fc.record({ is: fc.constant('getRateLimitTtl' as const), max: fc.nat(3) }, { requiredKeys: ['is'] }),
  fc.record({ is: fc.constant('isInState' as const), who, state }),
  fc.record({ is: fc.constant('waitUntilFinished' as const), who }),
)

const time: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ is: fc.constant('advance' as const), ms: fc.constantFrom(stepMs, stepMs, unitMs + stepMs, 2 * unitMs + stepMs) }),
  fc.record({ is: fc.constant('lose' as const), who }),
  { weight: 3, arbitrary: fc.constant({ is: 'stalled' as const }) },
)

/** What may bring a waiting Worker something to do. Each is one step in Redis: of several, a Worker there may see the first before the second. */
const waking: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: add },
  fc.record({ is: fc.constantFrom('resume' as const, 'promoteJobs' as const) }),
  fc.record({ is: fc.constant('retryJobs' as const), state: finished }),
  fc.record({ is: fc.constant('promote' as const), who }),
  fc.record({ is: fc.constant('changeDelay' as const), who, ms: fc.constant(0) }),
  fc.record({ is: fc.constant('retry' as const), who, state: finished, reset: fc.boolean() }),
)

const group = (one: fc.Arbitrary<Command>) => fc.array(one, { minLength: 2, maxLength: 4 })
const together: fc.Arbitrary<Command> = fc.record({
  is: fc.constant('together' as const),
  commands: fc.oneof(group(add), group(claim), group(progress)),
})

const here: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: add },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('addBulk' as const), jobs: fc.array(adding, { maxLength: 4 }) }) },
  { weight: 7, arbitrary: claim },
  { weight: 4, arbitrary: complete },
  { weight: 4, arbitrary: fail },
  { weight: 7, arbitrary: onJob },
  { weight: 4, arbitrary: onQueue },
  { weight: 3, arbitrary: getter },
  { weight: 3, arbitrary: time },
  { weight: 1, arbitrary: fc.constant({ is: 'work' as const }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('wake' as const), by: waking }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('await' as const), who, by: fc.oneof(complete, fail, remove) }) },
  { weight: 1, arbitrary: together },
)

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 18, arbitrary: here },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('elsewhere' as const), command: here }) },
  { weight: 1, arbitrary: fc.constant({ is: 'restart' as const }) },
)

const kept = fc.record({ count: fc.integer({ min: 1, max: 2 }), age: fc.constantFrom(0, 600) }, { requiredKeys: [] })

const setup: fc.Arbitrary<Setup> = fc.record(
  {
    name: fc.constant('hand'),
    limiter: fc.record({ max: fc.integer({ min: 1, max: 3 }), duration: lastingMs }),
    removeOnComplete: kept,
    removeOnFail: kept,
    maxStalledCount: fc.nat(1),
    defaults: fc.oneof(
      { weight: 4, arbitrary: fc.constant({}) },
      { weight: 1, arbitrary: fc.record({ attempts: fc.constant(2), removeOnComplete: keep }, { requiredKeys: [] }) },
    ),
    listens: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
    restarts: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
    isStill: fc.boolean(),
  },
  { requiredKeys: ['maxStalledCount', 'defaults', 'listens', 'restarts'] },
)

/** Without limits and clean-up, so that most of its calls find something to do. */
const plainSetup: fc.Arbitrary<Setup> = fc.record({
  maxStalledCount: fc.nat(1),
  defaults: fc.constant({}),
  listens: fc.constant(false),
  restarts: fc.boolean(),
})

export function sequences(maxLength: number): fc.Arbitrary<Sequence> {
  const setups = fc.oneof({ weight: 3, arbitrary: plainSetup }, { weight: 2, arbitrary: setup })
  const first = fc.array(add, { minLength: 0, maxLength: 6, size: 'max' })
  const rest = fc.array(command, { minLength: 1, maxLength, size: 'max' })
  return fc.record({ setup: setups, first, rest }).map(({ setup, first, rest }) => ({ setup, commands: [...first, ...rest] }))
}

/**
 * Jobs that run eight at a time. None is forgotten when it ends: which of them would be, hangs on the order of their ends. And none puts
 * itself back in line: a job with a priority that does so wakes no Worker in Redis, which finds it when it looks again by itself.
 */
export function mixed(maxLength: number): fc.Arbitrary<Sequence> {
  const plain = fc.record({
    name: fc.constantFrom('x', 'y'),
    data: deed.filter((one) => one.do !== 'wait' && one.do !== 'limit'),
    options: fc.record(
      {
        jobId: fc.constantFrom('a', 'b', 'c', 'd'),
        priority: fc.nat(3),
        lifo: fc.boolean(),
        delay: ms,
        attempts: fc.nat(3),
        backoff: fc.constantFrom(0, unitMs),
        ago: fc.constantFrom(unitMs),
      },
      { requiredKeys: [] },
    ),
  })
  const step: fc.Arbitrary<Command> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ is: fc.constant('addBulk' as const), jobs: fc.array(plain, { minLength: 1, maxLength: 12, size: 'max' }) }) },
    { weight: 2, arbitrary: fc.record({ is: fc.constant('work' as const), width: fc.constantFrom(2, 8) }) },
    { weight: 1, arbitrary: fc.record({ is: fc.constant('retryJobs' as const), state: finished }) },
    { weight: 1, arbitrary: fc.constant({ is: 'promoteJobs' as const }) },
    { weight: 1, arbitrary: fc.record({ is: fc.constantFrom('pause' as const, 'resume' as const, 'resume' as const) }) },
    { weight: 1, arbitrary: fc.record({ is: fc.constant('setGlobalConcurrency' as const), count: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 1, arbitrary: fc.constant({ is: 'advance' as const, ms: unitMs + stepMs }) },
  )
  const mixedSetup = fc.record({
    maxStalledCount: fc.nat(1),
    defaults: fc.constant({}),
    listens: fc.constant(false),
    restarts: fc.boolean(),
    isMixed: fc.constant(true),
  })
  return fc.record({ setup: mixedSetup, commands: fc.array(step, { minLength: 2, maxLength, size: 'max' }) })
}
