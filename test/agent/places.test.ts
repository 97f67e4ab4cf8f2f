import t, { type Test } from 'tap'
import { createInterest } from '../../agent/credits.ts'
import { createTable } from '../../agent/held.ts'
import { createPlaces } from '../../agent/places.ts'
import { createRoom } from '../../agent/room.ts'
import { holdTime } from '../fakes/time.ts'
import { offerOf } from './rooms.ts'

function open(t: Test, slots = 2) {
  const time = holdTime(t)
  const table = createTable(time.now)
  const interest = createInterest()
  const capacity = { slots }
  const told: string[] = []
  const places = createPlaces({
    queue: { size: { waiting: 0, running: 0, limit: 64 } },
    table,
    interest,
    room: createRoom(),
    capacity,
    clock: time,
    tell(id) {
      told.push(`${id} ${places.free(id)}`)
    },
  })
  t.teardown(() => places.stop())
  const hold = (by: string, task: string) => table.add(offerOf(by, task), 10_000)
  return { places, table, interest, capacity, told, time, hold }
}

t.test('a node without slots has no places, and no room', async (t) => {
  const { places, capacity } = open(t)
  t.equal(places.free('a'), 4)
  t.equal(places.room, 4)
  capacity.slots = 0
  t.equal(places.free('a'), 0)
  t.equal(places.room, 0)
})

t.test('who was told of none hears at once when there are some, and who has some is left alone', async (t) => {
  const { places, table, interest, told, time, hold } = open(t)
  for (const id of ['a', 'b']) interest.touch(id, time.now(), 'offer')
  for (const task of ['1', '2']) hold('a', task)
  for (const task of ['3', '4', '5']) hold('b', task)
  t.equal(places.free('b'), 0)
  places.freed()
  await time.pass(1_000)
  t.same(told, [], 'nothing is free yet')
  for (const held of table.of('b').slice(0, 2)) table.remove(held.id)
  places.freed()
  places.freed()
  await time.pass(20)
  t.same(told, ['b 1'])
  places.freed()
  await time.pass(1_000)
  t.same(told, ['b 1'], 'once')
})

t.test('one that has lost interest is not told', async (t) => {
  const { places, table, interest, told, time, hold } = open(t)
  interest.touch('a', time.now(), 'offer')
  for (const task of ['1', '2', '3', '4']) hold('a', task)
  t.equal(places.free('a'), 0)
  await time.pass(61_000)
  for (const held of table.all()) table.remove(held.id)
  places.freed()
  await time.pass(1_000)
  t.same(told, [])
})
