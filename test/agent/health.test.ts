import t, { type Test } from 'tap'
import { watchHealth } from '../../agent/health.ts'

function watch(t: Test, isBusy: () => boolean) {
  const health = watchHealth(isBusy)
  t.teardown(() => health.stop())
  return health
}

/** Keeps the event loop for so long with work of its own: time in which others had the processor does not count. */
function block(ms: number): void {
  const from = process.cpuUsage()
  for (;;) {
    const { user, system } = process.cpuUsage(from)
    if (user + system >= ms * 1_000) return
  }
}

/** Resolves when the watch has asked so many times whether there is work: then it has looked at what was before. */
function asked(times: number) {
  const { promise: done, resolve } = Promise.withResolvers<void>()
  // The watch keeps nobody alive.
  const alive = setInterval(() => {}, 60_000)
  let left = times
  return {
    done: done.finally(() => clearInterval(alive)),
    count() {
      if (--left <= 0) resolve()
    },
  }
}

t.test('a block of the event loop while there is work is seen, less the 20 ms between two looks', async (t) => {
  let looks = asked(2)
  const health = watch(t, () => {
    looks.count()
    return true
  })
  health.start()
  block(80)
  await looks.done
  const seen = health.loopMaxMs
  t.ok(seen >= 50, `${seen} ms`)
  looks = asked(2)
  await looks.done
  t.ok(health.loopMaxMs >= seen, 'the longest stays')
})

t.test('a block while there is no work is nobody’s business', async (t) => {
  const looks = asked(2)
  const health = watch(t, () => {
    looks.count()
    return false
  })
  health.start()
  block(80)
  await looks.done
  t.equal(health.loopMaxMs, 0)
})

t.test('it counts what came in, by type', (t) => {
  const health = watch(t, () => false)
  t.same(health.received, {})
  health.count('task.offer')
  health.count('task.offer')
  health.count('node.beat')
  t.same(health.received, { 'task.offer': 2, 'node.beat': 1 })
  t.end()
})

t.test('stopped, it looks no more, and may be stopped again', async (t) => {
  let looks = 0
  const health = watch(t, () => {
    looks++
    return true
  })
  health.start()
  health.stop()
  await new Promise((resolve) => setTimeout(resolve, 60))
  t.equal(looks, 1)
})
