import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type CapacityOptions, createCapacity, lookMs } from '../../agent/capacity.ts'
import type { Measured } from '../../agent/meter.ts'
import { spareDiskBytes, taskDiskBytes } from '../../agent/slots.ts'
import { silent } from '../../src/core/log.ts'
import type { QueueStatus } from '../../src/core/ports.ts'
import { holdTime } from '../fakes/time.ts'
import { needs } from '../services.ts'

const plenty = Number.POSITIVE_INFINITY

function open(t: Test, change: Partial<CapacityOptions> = {}) {
  const time = holdTime(t)
  const machine: { measured: Measured; closed: number } = {
    measured: { othersCores: 0, memory: { free: plenty, total: 1 << 30, own: 1 << 26 }, diskFree: plenty },
    closed: 0,
  }
  const outbox = { size: 0, limit: 100 }
  const queue: { size: { waiting: number; running: number; limit: number }; status: QueueStatus } = {
    size: { waiting: 0, running: 0, limit: 64 },
    status: { is: 'up' },
  }
  const heard: string[] = []
  const capacity = createCapacity({
    given: 4,
    cores: 4,
    home: change.home ?? t.testdir(),
    meter: { measure: async () => machine.measured, close: () => void machine.closed++ },
    queue,
    outbox,
    clock: time,
    log: silent,
    changed: () => heard.push(`${capacity.slots} ${capacity.reason}`),
    looked: () => {},
    ...change,
  })
  t.teardown(() => capacity.stop())
  return { capacity, machine, outbox, queue, heard, time }
}

t.test('it looks every few seconds, and tells of each change once', async (t) => {
  const { capacity, machine, heard, time } = open(t)
  await capacity.start()
  t.match(capacity, { slots: 4, given: 4, reason: undefined })
  machine.measured = { ...machine.measured, diskFree: spareDiskBytes + taskDiskBytes }
  await time.pass(lookMs)
  t.match(capacity, { slots: 1, reason: 'disk' })
  await time.pass(lookMs)
  t.same(heard, ['1 disk'])
})

t.test('a pause takes effect at once, outlives the agent, and is lifted by its owner only', async (t) => {
  const home = t.testdir()
  const first = open(t, { home })
  await first.capacity.start()
  await first.capacity.pause(true)
  t.match(first.capacity, { slots: 0, reason: 'paused', isPaused: true })
  t.ok(existsSync(join(home, 'paused')))
  first.capacity.stop()
  const second = open(t, { home })
  t.match(second.capacity, { slots: 0, reason: 'paused' }, 'before it has looked at anything')
  await second.capacity.start()
  t.match(second.capacity, { slots: 0, reason: 'paused' })
  await second.capacity.pause(false)
  t.match(second.capacity, { slots: 4, reason: undefined })
  t.notOk(existsSync(join(home, 'paused')))
  t.same([first.heard, second.heard], [['0 paused'], ['4 undefined']])
})

t.test('a pause and its end are on disk with their name in the folder, so that a power cut undoes neither', async (t) => {
  const strace = needs(t, 'strace')
  if (strace === undefined) return
  const home = t.testdir()
  const program = `
    const { createCapacity } = await import(${JSON.stringify(new URL('../../agent/capacity.ts', import.meta.url))})
    const capacity = createCapacity({
      given: 1, cores: 1, home: ${JSON.stringify(home)}, meter: {}, queue: { size: { running: 0 }, status: { is: 'up' } }, outbox: { size: 0, limit: 1 },
      clock: { now: () => 0, wall: () => 0 }, log: { info() {} }, changed() {}, looked() {},
    })
    await capacity.pause(true)
    await capacity.pause(false)`
  const traced = ['-f', '--seccomp-bpf', '-y', '-e', 'trace=fsync,unlink', process.execPath, '--input-type=module', '-e', program]
  const { status, stderr } = spawnSync(strace, traced, { env: { PATH: process.env.PATH ?? '' }, encoding: 'utf8' })
  t.equal(status, 0)
  const calls = [...stderr.matchAll(/(fsync|unlink)\((?:\d+<|")([^>"]*)/g)].map(([, call, path]) => `${call} ${path}`)
  t.same(
    calls.filter((call) => call.includes(home)),
    [`fsync ${home}/paused`, `fsync ${home}`, `unlink ${home}/paused`, `fsync ${home}`],
  )
})

t.test('a pause that cannot be written down is none', async (t) => {
  const { capacity } = open(t, { home: join(t.testdir(), 'gone') })
  await t.rejects(capacity.pause(true), { code: 'IO' })
  t.equal(capacity.isPaused, false)
})

t.test('an outbox that fills between two looks stops it at once, and lets it go on at once', async (t) => {
  const { capacity, outbox, heard } = open(t)
  await capacity.start()
  outbox.size = 100
  t.match(capacity, { slots: 0, reason: 'outbox full' })
  outbox.size = 80
  t.equal(capacity.slots, 0)
  outbox.size = 70
  t.equal(capacity.slots, 4)
  t.same(heard, ['0 outbox full', '4 undefined'])
})

t.test('a queue that goes down stops it when it is told, and so does the end of the agent', async (t) => {
  const { capacity, queue, heard, machine } = open(t)
  await capacity.start()
  queue.status = { is: 'down', error: { code: 'DISK_FULL', message: 'no room' } }
  capacity.refresh()
  queue.status = { is: 'up' }
  capacity.refresh()
  capacity.drain()
  t.same(heard, ['0 queue broken', '4 undefined', '0 draining'])
  capacity.stop()
  t.equal(machine.closed, 1)
})
