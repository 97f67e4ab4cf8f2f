/** The events of a queue: bounded, in order, read by whoever waits. */
import t from 'tap'
import { EventLog } from '../../../../agent/queue/sqlite/events.ts'

const { signal } = new AbortController()
const fieldsOf = (entries: [string, string[]][] | null) => (entries ?? []).map(([, fields]) => fields.join(' '))

t.test('events have the fields of BullMQ', async (t) => {
  const log = new EventLog()
  log.append('added', '1', 'name')
  log.append('waiting', '1')
  log.append('waiting', '1', 'active')
  log.append('completed', '1', '{"a":1}')
  log.append('failed', '1', 'why')
  log.append('drained')
  log.append('custom', undefined, ['event', 'mine', 'a', 'b'])
  t.same(fieldsOf(await log.read('0-0', 1, signal)), [
    'event added jobId 1 name name',
    'event waiting jobId 1',
    'event waiting jobId 1 prev active',
    'event completed jobId 1 returnvalue {"a":1} prev active',
    'event failed jobId 1 failedReason why prev active',
    'event drained',
    'event mine a b',
  ])
})

t.test('the oldest go once there are too many, or they are too large', async (t) => {
  const log = new EventLog()
  log.max = 100
  for (let i = 0; i < 1000; i += 1) log.append('waiting', String(i))
  t.equal(log.length, 100)
  t.match(fieldsOf(await log.read('0', 1, signal))[0], /jobId 900$/)
  t.equal(log.trim(10), 90)
  for (let i = 0; i < 10; i += 1) log.append('completed', String(i), 'x'.repeat(400_000))
  t.ok(log.length <= 3, `${log.length} of 400 kB`)
})

t.test('ids grow, and nothing is read twice', async (t) => {
  const log = new EventLog()
  log.startAt(Date.now() + 60_000)
  const ids = Array.from({ length: 500 }, (_, i) => log.append('waiting', String(i)))
  const read: string[] = []
  for (let at = '0-0'; ; ) {
    const entries = await log.read(at, 1, signal)
    if (entries === null) break
    // Some at a time, as a reader that was away.
    for (const [id] of entries.slice(0, 7)) read.push(id)
    at = read.at(-1) ?? at
  }
  t.same(read, ids)
  const parts = ids.map((id) => id.split('-').map(Number))
  t.ok(parts.every(([ms = 0, seq = 0], i) => i === 0 || ms > (parts[i - 1]?.[0] ?? 0) || seq > (parts[i - 1]?.[1] ?? 0)))
})

t.test('whoever waits gets all of what one operation says, however much', async (t) => {
  const log = new EventLog()
  log.max = 10
  const read = log.read('$', 0, signal)
  for (let i = 0; i < 1000; i += 1) log.append('waiting', String(i))
  log.wake()
  log.trim()
  t.equal((await read)?.length, 1000)
  t.equal(log.length, 10)
})

t.test('a read ends without events after its time, or when it is ended', async (t) => {
  const log = new EventLog()
  t.equal(await log.read('$', 1, signal), null)
  const controller = new AbortController()
  const read = log.read('$', 0, controller.signal)
  controller.abort()
  t.equal(await read, null)
  t.equal(await log.read('$', 0, controller.signal), null)
})
