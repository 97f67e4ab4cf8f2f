import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { totalmem } from 'node:os'
import t from 'tap'
import { openMeter } from '../../agent/meter.ts'

t.test('tells what is free of memory and disk, and what this process has', async (t) => {
  const meter = openMeter({ paths: [t.testdir()], clock: performance })
  t.teardown(() => meter.close())
  const { memory, diskFree, othersCores } = await meter.measure()
  t.ok(memory.total > 0 && memory.total <= totalmem(), `${memory.total} in all`)
  t.ok(memory.free > 0 && memory.free <= memory.total, `${memory.free} free`)
  t.ok(memory.own > 1 << 20 && memory.own < memory.total, `${memory.own} are ours`)
  t.ok(diskFree > 0 && Number.isFinite(diskFree), `${diskFree} on disk`)
  t.ok(othersCores >= 0)
})

t.test('a folder that cannot be asked counts as plenty', async (t) => {
  const meter = openMeter({ paths: [`${t.testdir()}/none`], clock: performance })
  t.teardown(() => meter.close())
  t.equal((await meter.measure()).diskFree, Number.POSITIVE_INFINITY)
})

t.test('the work of another process is seen, less ours', { skip: !existsSync('/proc/stat') && 'no /proc here' }, async (t) => {
  let now = 0
  const meter = openMeter({ paths: [], clock: { now: () => now } })
  t.teardown(() => meter.close())
  const burn = 'const used = () => process.cpuUsage().user; while (used() < 600_000) Math.sqrt(used())'
  await once(spawn(process.execPath, ['-e', burn], { stdio: 'ignore' }), 'exit')
  // All of it as if in one second.
  now = 1_000
  t.ok((await meter.measure()).othersCores >= 0.5)
  t.equal((await meter.measure()).othersCores, 0, 'in no time there is no work')
})
