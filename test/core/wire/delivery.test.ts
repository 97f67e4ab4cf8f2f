import t from 'tap'
import { createDelivery } from '../../../src/core/wire/delivery.ts'

const none = new Uint8Array(0)
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A handler that is through when the test says so. */
function held() {
  const began: string[] = []
  const ends: (() => void)[] = []
  const handle = (topic: string) => {
    began.push(topic)
    return new Promise<void>((resolve) => ends.push(resolve))
  }
  return { began, handle, through: () => ends.shift()?.() }
}

t.test('one at a time, in order, each taken when its handler is through', async (t) => {
  const { began, handle, through } = held()
  const delivery = createDelivery(handle)
  const taken: string[] = []
  for (const topic of ['one', 'two']) void delivery.put(topic, none, () => taken.push(topic))
  await turn()
  t.same([began, taken], [['one'], []])
  through()
  await turn()
  t.same([began, taken], [['one', 'two'], ['one']])
  through()
  await turn()
  t.same(taken, ['one', 'two'])
})

t.test('a handler that does not wait costs no turn of the loop', async (t) => {
  const began: string[] = []
  const delivery = createDelivery((topic) => {
    began.push(topic)
    return undefined
  })
  t.equal(
    delivery.put('one', none, () => {}),
    undefined,
  )
  t.same(began, ['one'])
})

t.test('where the table is full, whoever brings messages is asked to wait', async (t) => {
  const { handle, through } = held()
  const delivery = createDelivery(handle, 2)
  t.equal(
    delivery.put('in hand', none, () => {}),
    undefined,
  )
  t.equal(
    delivery.put('waits', none, () => {}),
    undefined,
  )
  const room = delivery.put('waits too', none, () => {})
  t.ok(room)
  let hasRoom = false
  void room?.then(() => {
    hasRoom = true
  })
  await turn()
  t.notOk(hasRoom)
  through()
  await turn()
  t.ok(hasRoom)
})

t.test('after close nothing more is given or taken, and nobody waits', async (t) => {
  const { began, handle, through } = held()
  const delivery = createDelivery(handle, 1)
  const taken: string[] = []
  void delivery.put('in hand', none, () => taken.push('in hand'))
  const room = delivery.put('waits', none, () => taken.push('waits'))
  delivery.close()
  await room
  through()
  await turn()
  t.equal(
    delivery.put('late', none, () => {}),
    undefined,
  )
  t.same([began, taken], [['in hand'], []])
})
