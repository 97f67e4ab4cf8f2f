import t, { type Test } from 'tap'
import { createIdleness } from '../../agent/idleness.ts'
import { holdTime } from '../fakes/time.ts'

function open(t: Test) {
  const time = holdTime(t)
  const now = { isIdle: true, ends: 0 }
  const idle = createIdleness({
    isIdle: () => now.isIdle,
    end: () => {
      now.ends++
    },
  })
  t.teardown(() => idle.stop())
  const session = () => {
    const client = new AbortController()
    idle.session(client.signal)
    return client
  }
  return { time, now, idle, session }
}

t.test('without any client it ends after ten seconds, once', async (t) => {
  const { time, now } = open(t)
  await time.pass(9_900)
  t.equal(now.ends, 0)
  await time.pass(100)
  t.equal(now.ends, 1)
  await time.pass(60_000)
  t.equal(now.ends, 1)
})

t.test('while a client is here it stays; 300 ms after the last one left it ends', async (t) => {
  const { time, now, session } = open(t)
  const [a, b] = [session(), session()]
  await time.pass(60_000)
  a.abort()
  await time.pass(60_000)
  t.equal(now.ends, 0, 'one is left')
  b.abort()
  await time.pass(200)
  t.equal(now.ends, 0)
  await time.pass(100)
  t.equal(now.ends, 1)
})

t.test('between two commands of one user it lives on', async (t) => {
  const { time, now, session } = open(t)
  session().abort()
  await time.pass(200)
  const next = session()
  await time.pass(10_000)
  t.equal(now.ends, 0)
  next.abort()
  await time.pass(300)
  t.equal(now.ends, 1)
})

t.test('while a job is open it stays, and it ends when the job has', async (t) => {
  const { time, now, session } = open(t)
  session().abort()
  now.isIdle = false
  await time.pass(60_000)
  t.equal(now.ends, 0)
  now.isIdle = true
  await time.pass(300)
  t.equal(now.ends, 1)
})

t.test('a client that was gone before it was counted holds nothing', async (t) => {
  const { time, now, idle } = open(t)
  idle.session(AbortSignal.abort())
  await time.pass(20_000)
  t.equal(now.ends, 1)
})

t.test('stopped, it ends nothing', async (t) => {
  const { time, now, idle } = open(t)
  idle.stop()
  await time.pass(60_000)
  t.equal(now.ends, 0)
})
