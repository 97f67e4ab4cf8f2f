import t from 'tap'
import type { Connection } from '../../../src/core/wire/connection.ts'
import { createOutgoing, maxOutgoing, maxOutgoingBytes } from '../../../src/core/wire/outgoing.ts'

const topic = 'ipdc/1/lab/node/a/inbox'
const word = (text: string) => new TextEncoder().encode(text)
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A connection that keeps what is sent and acknowledges when told. */
function connection(window = 100) {
  const sent: string[] = []
  const acks: (() => void)[] = []
  const refusals: ((error: Error) => void)[] = []
  const open: Connection = {
    window,
    ended: new Promise(() => {}),
    publish(_, bytes) {
      sent.push(Buffer.from(bytes).toString())
      return new Promise((resolve, reject) => {
        acks.push(resolve)
        refusals.push(reject)
      })
    },
    async subscribe() {},
    async unsubscribe() {},
    async end() {},
  }
  return { open, sent, acks, refusals }
}

t.test('what was on its way when a connection ended goes out again, before what waited', async (t) => {
  const outgoing = createOutgoing()
  const [first, second] = [connection(), connection()]
  outgoing.attach(first.open)
  const done = ['one', 'two', 'three'].map((text) => outgoing.add(topic, word(text), false))
  first.acks[0]?.()
  await done[0]
  outgoing.detach()
  done.push(outgoing.add(topic, word('four'), false))
  outgoing.attach(second.open)
  t.same(second.sent, ['two', 'three', 'four'])
  for (const ack of second.acks) ack()
  await Promise.all(done)
})

t.test('no more are on their way than the connection takes', async (t) => {
  const outgoing = createOutgoing()
  const { open, sent, acks } = connection(2)
  outgoing.attach(open)
  const done = ['one', 'two', 'three'].map((text) => outgoing.add(topic, word(text), false))
  t.same(sent, ['one', 'two'])
  acks[1]?.()
  await done[1]
  t.same(sent, ['one', 'two', 'three'])
})

t.test('a message on which the connection ends again and again is given up, the others are sent', async (t) => {
  const outgoing = createOutgoing()
  const poison = outgoing.add(topic, word('poison'), false)
  const good = outgoing.add(topic, word('good'), false)
  for (let i = 0; i < 3; i++) {
    outgoing.attach(connection().open)
    outgoing.detach()
  }
  await t.rejects(poison, { code: 'NO_BROKER', hint: /max_packet_size/ })
  const last = connection()
  outgoing.attach(last.open)
  t.same(last.sent, ['good'])
  last.acks[0]?.()
  await good
})

t.test('a refused message fails alone', async (t) => {
  const outgoing = createOutgoing()
  const { open, acks, refusals } = connection()
  outgoing.attach(open)
  const [bad, good] = [outgoing.add(topic, word('bad'), false), outgoing.add(topic, word('good'), false)]
  refusals[0]?.(Object.assign(new Error('no rights'), { code: 'BROKER_REFUSED' }))
  acks[1]?.()
  await t.rejects(bad, { code: 'BROKER_REFUSED' })
  await good
})

t.test('bounded by number and by bytes: NO_BROKER while down, BUSY while up; room comes back', async (t) => {
  const outgoing = createOutgoing()
  const giveUp = new AbortController()
  const large = outgoing.add(topic, new Uint8Array(maxOutgoingBytes), false, giveUp.signal)
  await t.rejects(outgoing.add(topic, word('x'), false), { code: 'NO_BROKER' })
  const given = t.rejects(large, { code: 'NO_BROKER' })
  giveUp.abort()
  await given
  const { open, acks } = connection(maxOutgoing)
  outgoing.attach(open)
  const all = Array.from({ length: maxOutgoing }, () => outgoing.add(topic, word('x'), false))
  await t.rejects(outgoing.add(topic, word('x'), false), { code: 'BUSY' })
  acks[0]?.()
  await all[0]
  const last = outgoing.add(topic, word('x'), false)
  for (const ack of acks) ack()
  await turn()
  for (const ack of acks) ack()
  await Promise.all([...all, last])
})

t.test('an acknowledgement of an old connection does not count what the new one sends', async (t) => {
  const outgoing = createOutgoing()
  const [first, second] = [connection(1), connection(1)]
  outgoing.attach(first.open)
  const [one, two] = [outgoing.add(topic, word('one'), false), outgoing.add(topic, word('two'), false)]
  outgoing.detach()
  first.acks[0]?.()
  await one
  outgoing.attach(second.open)
  t.same(second.sent, ['two'])
  second.acks[0]?.()
  await two
})
