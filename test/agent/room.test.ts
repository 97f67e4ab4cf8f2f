import fc from 'fast-check'
import t from 'tap'
import { createRoom, mostPerSlot } from '../../agent/room.ts'

function after(slots: number, ms: number, times = 200): number {
  const room = createRoom()
  for (let i = 0; i < times; i++) room.took(ms)
  return room.now(slots)
}

t.test('before anything ran there is room for two tasks a slot, and none without slots', (t) => {
  t.equal(createRoom().now(1), 2)
  t.equal(createRoom().now(4), 8)
  t.equal(createRoom().now(0), 0)
  t.end()
})

t.test('the shorter the tasks the more of them: 50 ms of work wait per slot, within 2 and 32', (t) => {
  t.equal(after(2, 60_000), 4, 'long tasks: what comes next waits for one, not for a line of them')
  t.equal(after(2, 10), 12, '5 of 10 ms, and the one that runs')
  t.equal(after(2, 1), 64, 'no more than 32 a slot')
  t.equal(after(2, 0), 64)
  t.end()
})

t.test('it follows how long tasks take now: one slow task among short ones changes it, many decide', (t) => {
  const room = createRoom()
  for (let i = 0; i < 200; i++) room.took(2)
  const short = room.now(1)
  room.took(200)
  t.ok(room.now(1) < short)
  for (let i = 0; i < 200; i++) room.took(2)
  t.equal(room.now(1), short)
  t.end()
})

t.test('whatever tasks take, the room stays between its bounds', (t) => {
  fc.assert(
    fc.property(fc.nat(16), fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { maxLength: 50 }), (slots, times) => {
      const room = createRoom()
      for (const ms of times) room.took(ms)
      return room.now(slots) >= 2 * slots && room.now(slots) <= mostPerSlot * slots
    }),
    { seed: 7 },
  )
  t.end()
})
