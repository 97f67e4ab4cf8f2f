import t from 'tap'
import { createLoop } from '../../agent/loop.ts'
import type { Message } from '../../src/core/wire/message.ts'
import { turn } from '../fakes/time.ts'

const close = (how: 'done' | 'failed') => ({ how })

t.test('a message to oneself is heard later, one at a time and in order', async (t) => {
  const heard: Message[] = []
  let busy = 0
  const { promise: all, resolve } = Promise.withResolvers<void>()
  const loop = createLoop({
    self: 'ada',
    boot: 7,
    wall: () => 1_000,
    async hear(message) {
      t.equal(++busy, 1)
      await turn()
      heard.push(message)
      if (message.job === 'first') loop.say('job.close', { job: 'third' }, close('failed'))
      if (heard.length === 3) resolve()
      busy--
    },
  })
  loop.say('job.close', { job: 'first' }, close('done'))
  loop.say('job.close', { job: 'second' }, close('done'))
  t.same(heard, [], 'not within the call')
  await all
  t.match(heard, [
    { job: 'first', src: 'ada', dst: 'ada', boot: 7, seq: 1, iat: 1_000 },
    { job: 'second', seq: 2 },
    { job: 'third', seq: 3, body: { how: 'failed' } },
  ])
})

t.test('after stop nothing more is heard', async (t) => {
  const heard: Message[] = []
  const loop = createLoop({ self: 'ada', boot: 1, wall: () => 0, hear: async (message) => void heard.push(message) })
  loop.say('job.close', { job: 'a' }, close('done'))
  loop.stop()
  loop.say('job.close', { job: 'b' }, close('done'))
  await turn()
  await turn()
  t.same(heard, [])
})
