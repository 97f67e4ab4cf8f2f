import fc from 'fast-check'
import t from 'tap'
import { decide, leastTaskBytes, type Past, riseMs, type Sample, spareDiskBytes, taskDiskBytes } from '../../agent/slots.ts'
import { isReason } from '../../src/core/reasons.ts'

const MiB = 1 << 20
const GiB = 1 << 30

const idle: Sample = {
  now: 0,
  given: 4,
  cores: 4,
  othersCores: 0,
  memory: { free: 4 * GiB, total: 8 * GiB, own: 80 * MiB },
  diskFree: 100 * GiB,
  running: 0,
  outbox: { size: 0, limit: 4_096 },
  isPaused: false,
  isDraining: false,
  isQueueBroken: false,
}

const bytes = (max: number) => fc.oneof(fc.integer({ min: 0, max }), fc.constant(Number.POSITIVE_INFINITY))
const anySample = (given: number): fc.Arbitrary<Sample> =>
  fc.record({
    now: fc.constant(30_000),
    given: fc.constant(given),
    cores: fc.integer({ min: 1, max: 64 }),
    othersCores: fc.double({ min: 0, max: 64, noNaN: true }),
    memory: fc.record({ free: bytes(2 * GiB - 1), total: fc.integer({ min: 64 * MiB, max: 2 * GiB - 1 }), own: fc.integer({ min: 20 * MiB, max: GiB }) }),
    diskFree: bytes(2 * GiB - 1),
    running: fc.nat(64),
    outbox: fc.record({ size: fc.nat(4_200), limit: fc.constant(4_096) }),
    isPaused: fc.boolean(),
    isDraining: fc.boolean(),
    isQueueBroken: fc.boolean(),
  })
/** A sample and what was remembered before it: of one configuration, which a process keeps. */
const anyStep = fc.integer({ min: 0, max: 64 }).chain((given) =>
  fc.record({
    past: fc
      .array(anySample(given), { maxLength: 6 })
      .map((samples) => samples.reduce<Past | undefined>((past, sample, at) => decide(past, { ...sample, now: at * 4_000 }).past, undefined)),
    sample: anySample(given),
  }),
)
const runs = { seed: 7, numRuns: 500 }

t.test('never more than given, never fewer than none, and fewer only with a reason', (t) => {
  fc.assert(
    fc.property(anyStep, ({ past, sample }) => {
      const { slots, reason } = decide(past, sample)
      const isWhole = Number.isInteger(slots) && slots >= 0 && slots <= sample.given
      return isWhole && (slots < sample.given || slots === 0 ? isReason(reason) : reason === undefined)
    }),
    runs,
  )
  t.end()
})

t.test('more free memory, more free disk, or less work of others never means fewer slots', (t) => {
  fc.assert(
    fc.property(anyStep, bytes(2 * GiB - 1), bytes(2 * GiB - 1), fc.double({ min: 0, max: 64, noNaN: true }), ({ past, sample }, free, disk, others) => {
      const better: Sample = {
        ...sample,
        memory: { ...sample.memory, free: Math.max(free, sample.memory.free) },
        diskFree: Math.max(disk, sample.diskFree),
        othersCores: Math.min(others, sample.othersCores),
      }
      return decide(past, better).slots >= decide(past, sample).slots
    }),
    runs,
  )
  t.end()
})

t.test('load alone never takes the last slot', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 64 }), fc.double({ min: 0, max: 200, noNaN: true }), (given, cores, othersCores) => {
      const { slots, reason } = decide(undefined, { ...idle, given, cores, othersCores })
      return slots >= 1 && (slots === given || reason === 'load')
    }),
    runs,
  )
  t.end()
})

t.test('it rises only after it could have for a while, by what it could all that time, whatever comes', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 8 })), { minLength: 2, maxLength: 60 }), (steps) => {
      let past: Past | undefined
      let now = 0
      const told: { readonly now: number; readonly slots: number; readonly could: number }[] = []
      for (const [ms, disk] of steps) {
        now += ms
        const could = Math.min(8, disk)
        const decided = decide(past, { ...idle, now, given: 8, cores: 8, diskFree: spareDiskBytes + disk * taskDiskBytes })
        past = decided.past
        told.push({ now, slots: decided.slots, could })
      }
      return told.every(({ now, slots, could }, at) => {
        const rises = slots > (told[at - 1]?.slots ?? slots)
        return slots <= could && (!rises || told.slice(0, at).every((one) => one.now < now - riseMs || one.could >= slots))
      })
    }),
    runs,
  )
  t.end()
})

t.test('a machine with nothing else to do runs what it was given', (t) => {
  t.match(decide(undefined, idle), { slots: 4, reason: undefined })
  t.end()
})

t.test('other work takes its share of the processors, in time; our own does not count', (t) => {
  let past: Past | undefined
  const slots: number[] = []
  for (let now = 0; now < 100_000; now += 5_000) {
    const decided = decide(past, { ...idle, now, othersCores: now < 10_000 ? 0 : 3 })
    past = decided.past
    slots.push(decided.slots)
  }
  t.equal(slots[1], 4)
  t.ok(
    slots.every((one, at) => one <= (slots[at - 1] ?? 4)),
    `falls in steps: ${slots.join(' ')}`,
  )
  t.equal(slots.at(-1), 1)
  t.equal(decide(past, { ...idle, othersCores: 3 }).reason, 'load')
  t.end()
})

t.test('a board of 128 MB runs one task; with too little free memory none, and says so', (t) => {
  const board: Sample = { ...idle, given: 1, cores: 1, memory: { free: 40 * MiB, total: 110 * MiB, own: 60 * MiB } }
  t.match(decide(undefined, board), { slots: 1, reason: undefined })
  t.match(decide(undefined, { ...board, memory: { ...board.memory, free: 15 * MiB } }), { slots: 0, reason: 'memory' })
  t.end()
})

t.test('what running tasks use is what the next is taken to need; with nothing running one is tried all the same', (t) => {
  let past: Past | undefined
  for (let now = 0; now < 50_000; now += 5_000)
    past = decide(past, { ...idle, now, running: now === 0 ? 0 : 2, memory: { ...idle.memory, own: now === 0 ? 80 * MiB : 480 * MiB } }).past
  t.ok((past?.taskBytes ?? 0) > 180 * MiB)
  const memory = { free: 256 * MiB + 450 * MiB, total: 8 * GiB, own: 480 * MiB }
  t.equal(decide(past, { ...idle, now: 50_000, running: 2, memory: { ...memory, free: 256 * MiB + 100 * MiB } }).slots, 2, 'the two that run have theirs')
  t.equal(decide(past, { ...idle, now: 50_000, running: 0, memory: { ...memory, free: 256 * MiB + leastTaskBytes } }).slots, 1)
  t.end()
})

t.test('an outbox that was full is let down to three quarters before more is taken', (t) => {
  const at = (past: Past | undefined, size: number) => decide(past, { ...idle, outbox: { size, limit: 4_096 } })
  const full = at(undefined, 4_096)
  t.match(full, { slots: 0, reason: 'outbox full' })
  t.match(at(full.past, 3_500), { slots: 0, reason: 'outbox full' })
  t.match(at(full.past, 3_000), { slots: 4, reason: undefined })
  t.match(at(undefined, 4_000), { slots: 4 })
  t.end()
})

t.test('paused, draining and a broken queue stop it at once, and let it go on at once', (t) => {
  const { past } = decide(undefined, idle)
  for (const [change, reason] of [
    [{ isPaused: true }, 'paused'],
    [{ isDraining: true, isPaused: true }, 'draining'],
    [{ isQueueBroken: true }, 'queue broken'],
    [{ given: 0 }, 'no slots'],
  ] as const) {
    const stopped = decide(past, { ...idle, ...change })
    t.match(stopped, { slots: 0, reason })
    if (!('given' in change)) t.equal(decide(stopped.past, idle).slots, 4)
  }
  t.end()
})
