import t from 'tap'
import { createClient } from '../../src/core/client/client.ts'
import { fakeHome, ipdc } from './cli.ts'

async function held(t: Parameters<typeof fakeHome>[0]) {
  const { home, fake } = await fakeHome(t, { hold: true })
  const id = await createClient(fake.socket).submit({ kind: 'mr', job: { input: fake.add('') } })
  return { home, fake, id }
}

/** A command that waits for a job is seen by its first line, once the job has gone on a little. */
const map = { name: 'map', total: 2, done: 2, waiting: 0, running: 0, failed: 0, lost: 0 }

t.test('the first ^C leaves a job to itself and says how to come back', async (t) => {
  const { home, fake, id } = await held(t)
  setTimeoutFree(
    () => fake.asked.some((path) => path.endsWith('/events')),
    () => fake.change(id, { stages: [map] }),
    t,
  )
  let pressed = false
  const ran = await ipdc(['job', 'watch', id], {
    home,
    onStderr: (text, kill) => {
      if (pressed || !text.includes('map 2/2')) return
      pressed = true
      kill('SIGINT')
    },
  })
  t.equal(ran.status, 130)
  t.match(ran.stderr, new RegExp(`Leaving ${id} to itself. \\^C once more cancels it.\n${id} goes on without this terminal\nTry: ipdc job watch ${id}\n$`))
  t.equal(fake.jobs[0]?.state, 'open')
  t.equal(ran.stdout, '')
})

t.test('the second ^C cancels it', async (t) => {
  const { home, fake, id } = await held(t)
  setTimeoutFree(
    () => fake.asked.some((path) => path.endsWith('/events')),
    () => fake.change(id, { stages: [map] }),
    t,
  )
  let pressed = 0
  const ran = await ipdc(['job', 'watch', id], {
    home,
    onStderr: (text, kill) => {
      if ((pressed === 0 && text.includes('map 2/2')) || (pressed === 1 && text.includes('once more'))) {
        pressed++
        kill('SIGINT')
      }
    },
  })
  t.equal(ran.status, 130)
  t.match(ran.stderr, `${id} was cancelled`)
  t.equal(fake.jobs[0]?.state, 'cancelled')
})

t.test('a job that is done while a second ^C is waited for is done', async (t) => {
  const { home, fake, id } = await held(t)
  setTimeoutFree(
    () => fake.asked.some((path) => path.endsWith('/events')),
    () => fake.change(id, { stages: [map] }),
    t,
  )
  let pressed = 0
  const ran = await ipdc(['job', 'watch', id], {
    home,
    onStderr: (text, kill) => {
      if (pressed === 0 && text.includes('map 2/2')) {
        pressed = 1
        kill('SIGINT')
      } else if (pressed === 1 && text.includes('once more')) {
        pressed = 2
        fake.finish(id)
      }
    },
  })
  t.equal(ran.status, 0)
  t.match(ran.stdout, /^baf/)
})

/** Acts as soon as something holds. */
function setTimeoutFree(holds: () => boolean, act: () => void, t: { teardown(end: () => void): unknown }): void {
  const timer = setInterval(() => {
    if (!holds()) return
    clearInterval(timer)
    act()
  }, 5)
  t.teardown(() => clearInterval(timer))
}
