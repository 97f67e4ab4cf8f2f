import t from 'tap'
import type { StageView } from '../../src/core/client/api.ts'
import { createClient } from '../../src/core/client/client.ts'
import { fakeHome, noTerminal, onTerminal } from './cli.ts'

const map = (done: number): StageView => ({ name: 'map', total: 4, done, waiting: 0, running: 1, failed: 0, lost: 0 })
const skip = noTerminal

/** A job that waits for the test, in a domain that is thrown away or one that stays. */
async function held(t: Parameters<typeof fakeHome>[0], throwAway: boolean) {
  const { home, fake } = await fakeHome(t, { hold: true, throwAway })
  const id = await createClient(fake.socket).submit({ kind: 'mr', job: { input: fake.add('x') } })
  fake.change(id, { stages: [map(1)] })
  return { home, fake, id }
}

/** Answers each text, once, in order, as soon as it is seen. */
function script(...steps: (readonly [seen: string, then: (type: (keys: string) => void) => void])[]) {
  let from = 0
  return (output: string, type: (keys: string) => void) => {
    const [step] = steps
    const at = step === undefined ? -1 : output.indexOf(step[0], from)
    if (step === undefined || at === -1) return
    from = at + step[0].length
    steps.shift()
    step[1](type)
  }
}

t.test('bars are drawn over themselves, and stay when the job is done', { skip }, async (t) => {
  const { home, fake, id } = await held(t, false)
  const onOutput = script(['1/4', () => fake.change(id, { stages: [map(3)] })], ['3/4', () => fake.finish(id)])
  const { status, output } = await onTerminal(['job', 'watch', id], { home, onOutput })
  t.equal(status, 0)
  t.match(output, `${'█'.repeat(6)}\u001b[39m\u001b[36m${'▒'.repeat(6)}`)
  t.match(output, '\u001b[2A\r\u001b[0J', 'drawn again')
  t.match(output, `${fake.jobs[0]?.root?.cid}\r\n`)
})

t.test('in a domain that stays the first ^C leaves the job to itself', { skip }, async (t) => {
  const { home, fake, id } = await held(t, false)
  const { status, output } = await onTerminal(['job', 'watch', id], { home, onOutput: script(['1/4', (type) => type('\u0003')]) })
  t.equal(status, 130)
  t.match(output, ` ipdc job watch ${id}\r\n`)
  t.equal(fake.jobs[0]?.state, 'open')
})

t.test('in a throw-away domain the first ^C asks: y cancels', { skip }, async (t) => {
  const { home, fake, id } = await held(t, true)
  const { status, output } = await onTerminal(['job', 'watch', id], {
    home,
    onOutput: script(['1/4', (type) => type('\u0003')], ['background: ', (type) => type('y\n')]),
  })
  t.equal(status, 130)
  t.match(output, `${id} was cancelled`)
  t.equal(fake.jobs[0]?.state, 'cancelled')
})

t.test('Enter leaves it running in the background', { skip }, async (t) => {
  const { home, fake, id } = await held(t, true)
  const { status, output } = await onTerminal(['job', 'watch', id], {
    home,
    onOutput: script(['1/4', (type) => type('\u0003')], ['background: ', (type) => type('\n')]),
  })
  t.equal(status, 130)
  t.match(output, `${id} goes on without this terminal`)
  t.equal(fake.jobs[0]?.state, 'open')
})

t.test('and another ^C cancels', { skip }, async (t) => {
  const { home, fake, id } = await held(t, true)
  const { status } = await onTerminal(['job', 'watch', id], {
    home,
    onOutput: script(['1/4', (type) => type('\u0003')], ['background: ', (type) => type('\u0003')]),
  })
  t.equal(status, 130)
  t.equal(fake.jobs[0]?.state, 'cancelled')
})

t.test('a job that is done while the question stands needs no answer', { skip }, async (t) => {
  const { home, fake, id } = await held(t, true)
  const { status, output } = await onTerminal(['job', 'watch', id], {
    home,
    onOutput: script(['1/4', (type) => type('\u0003')], ['background: ', () => fake.finish(id)]),
  })
  t.equal(status, 0)
  t.match(output, /background: .*\r\n.*\r\nmap .*\r\nreduce .*\r\nnodes .*\r\nbafybei/)
})

t.test('NO_COLOR and a dumb terminal are heeded', { skip }, async (t) => {
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
    const { home, fake, id } = await held(t, false)
    const timer = setInterval(() => {
      if (fake.asked.some((path) => path.endsWith('/events'))) fake.finish(id)
    }, 20)
    const { status, output } = await onTerminal(['job', 'watch', id], { home, env, onOutput: () => {} })
    clearInterval(timer)
    t.equal(status, 0)
    for (const colour of ['32', '36', '2']) t.notMatch(output, `\u001b[${colour}m`)
    if ('TERM' in env) t.notMatch(output, '\u001b')
  }
})
