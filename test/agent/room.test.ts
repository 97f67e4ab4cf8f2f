import fc from 'fast-check'
import t from 'tap'
import { createRoom } from '../../agent/room.ts'

function after(slots: number, ms: number, times = 200): number {
  const room = createRoom(slots)
  for (let i = 0; i < times; i++) room.took(ms)
  return room.now()
}

t.test('before anything ran there is room for three tasks a slot', (t) => {
  t.equal(createRoom(1).now(), 3)
  t.equal(createRoom(4).now(), 12)
  t.end()
})

t.test('the shorter the tasks the more of them: 50 ms of work wait per slot, within 3 and 32', (t) => {
  t.equal(after(2, 60_000), 6, 'long tasks')
  t.equal(after(2, 10), 12, '5 of 10 ms, and the one that runs')
  t.equal(after(2, 1), 64, 'no more than 32 a slot')
  t.equal(after(2, 0), 64)
  t.equal(createRoom(2).most, 64)
  t.end()
})

t.test('it follows how long tasks take now: one slow task among short ones changes it, many decide', (t) => {
  const room = createRoom(1)
  for (let i = 0; i < 200; i++) room.took(2)
  const short = room.now()
  room.took(200)
  t.ok(room.now() < short)
  for (let i = 0; i < 200; i++) room.took(2)
  t.equal(room.now(), short)
  t.end()
})

t.test('whatever tasks take, the room stays between its bounds', (t) => {
  fc.assert(
    fc.property(fc.nat(16), fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { maxLength: 50 }), (slots, times) => {
      const room = createRoom(slots)
      for (const ms of times) room.took(ms)
      return room.now() >= 3 * slots && room.now() <= room.most
    }),
    { seed: 7 },
  )
  t.end()
})
