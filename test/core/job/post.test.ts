import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import * as v from 'valibot'
import { encode } from '../../../src/core/cbor.ts'
import type { Instruction } from '../../../src/core/job/instruction.ts'
import { createPost } from '../../../src/core/job/post.ts'
import { type Body, bodies, type MessageType, maxMessageBytes } from '../../../src/core/wire/message.ts'

type Sent = { readonly dst: string; readonly type: MessageType; readonly job: string | undefined; readonly body: Body<MessageType> }

/** Each message is checked for its schema, and for its size with room for the envelope. */
function scene(t: Test) {
  const sent: Sent[] = []
  const post = createPost({
    leaseMs: 10_000,
    manifest: (job) => (job === 'gone' ? undefined : new Uint8Array(16_000)),
    send(dst, type, { job, body }) {
      v.parse(bodies[type], body)
      t.ok(encode(body).length < maxMessageBytes - 500, `${type} of ${encode(body).length} bytes`)
      sent.push({ dst, type, job, body })
    },
  })
  t.teardown(() => post.stop())
  return { post, sent }
}

const to = (attempt: number, node = 'a', job = 'j') => ({ node, job, task: `stage/${'x'.repeat(150)}-${attempt}`, term: 1, attempt })
const offer = (attempt: number, bytes = 100, node = 'a', job = 'j'): Instruction & { is: 'offer' } => ({
  ...to(attempt, node, job),
  is: 'offer',
  leaseMs: 10_000,
  from: { boot: 1, at: 7 },
  pure: true,
  stage: 'stage',
  body: new Uint8Array(bytes),
})

t.test('what one turn decides for a node travels together', async (t) => {
  const { post, sent } = scene(t)
  for (let i = 0; i < 10; i++) post.offer(offer(i, 100, i % 2 ? 'a' : 'b'))
  t.same(sent, [])
  await turn()
  t.match(sent, [
    { dst: 'b', type: 'task.offer', body: { tasks: { length: 5 } } },
    { dst: 'a', type: 'task.offer', body: { tasks: { length: 5 } } },
  ])
})

t.test('no message is too large, in number or in bytes', async (t) => {
  const { post, sent } = scene(t)
  for (let i = 0; i < 200; i++) post.offer(offer(i, 10))
  for (let i = 0; i < 20; i++) post.offer(offer(i, 8192, 'b'))
  for (let i = 0; i < 300; i++) post.cancel({ ...to(1000 + i), is: 'cancel', why: 'no' })
  for (let i = 0; i < 400; i++) post.note(to(i))
  await turn()
  post.grant({ is: 'grant', node: 'a', leaseMs: 10_000, from: { boot: 1, at: 7 }, held: Array.from({ length: 500 }, (_, i) => to(i)) })
  const tasks = (type: MessageType) => sent.filter((each) => each.type === type).map(({ body }) => ('tasks' in body ? body.tasks.length : 0))
  t.equal(
    tasks('task.offer').reduce((sum, count) => sum + count, 0),
    220,
  )
  t.equal(
    tasks('task.cancel').reduce((sum, count) => sum + count, 0),
    300,
  )
  const grants = sent.flatMap(({ body }) => ('noted' in body ? [body] : []))
  t.equal(
    grants.reduce((sum, { held }) => sum + held.length, 0),
    500,
  )
  t.equal(
    grants.reduce((sum, { noted }) => sum + noted.length, 0),
    400,
    'notes go along with the grant',
  )
})

t.test('an offer that was cancelled before it was sent is not sent, nor is its cancel', async (t) => {
  const { post, sent } = scene(t)
  post.offer(offer(1))
  post.offer(offer(2))
  post.cancel({ ...to(1), is: 'cancel', why: 'no' })
  post.offer(offer(3, 10, 'a', 'gone'))
  await turn()
  t.match(sent, [{ type: 'task.offer', body: { tasks: [{ attempt: 2 }] } }])
  t.equal(sent.length, 1, 'and of a job that is closed nothing')
})

t.test('notes wait for a beat to answer, or a while; those of a job that is over are left out', async (t) => {
  const { post, sent } = scene(t)
  const began = performance.now()
  post.note(to(1))
  post.note(to(2, 'a', 'over'))
  post.note(to(3))
  post.note(to(4, 'b', 'over'))
  post.forget('over')
  while (sent.length === 0) await turn()
  t.ok(performance.now() - began > 400)
  t.match(sent, [{ dst: 'a', type: 'lease.grant', job: undefined, body: { held: [], noted: [{ attempt: 1 }, { attempt: 3 }] } }])
  t.equal(sent.length, 1)
})
