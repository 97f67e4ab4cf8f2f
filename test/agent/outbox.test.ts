import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Outbox, openOutbox } from '../../agent/outbox.ts'
import type { Sender } from '../../agent/sender.ts'
import { silent } from '../../src/core/log.ts'
import { openLog } from '../../src/core/record-log.ts'
import { openAir } from '../fakes/air.ts'
import { holdTime } from '../fakes/time.ts'
import { bytes, folder, openRooms, openSender, resultOf } from './rooms.ts'

const id = (task: string, attempt = 1) => `job-1/map/${task}#1.${attempt}`

/** Another outbox over what the file holds now: what a killed process leaves. */
async function reopened(t: Test, path: string, sender: Sender): Promise<Outbox> {
  const left = join(await folder(t), 'outbox.log')
  await writeFile(left, await readFile(path))
  const outbox = await openOutbox({ path: left, sender, log: silent })
  t.teardown(() => outbox.close())
  return outbox
}

t.test('a result is in the file before anybody hears of it', async (t) => {
  const { dir, outbox, air, sender } = await openRooms(t)
  const peer = await air.peer()
  const tells: Promise<string>[] = []
  const path = join(dir, 'watched.log')
  const watched = await openOutbox({
    path,
    log: silent,
    sender: {
      ...sender,
      tell() {
        tells.push(readFile(path, 'latin1'))
      },
    },
  })
  t.teardown(() => watched.close())
  await watched.put(resultOf(peer.id, 'a', { result: bytes('a rare word') }))
  t.equal(tells.length, 1)
  t.match(await tells[0], 'a rare word')
  await outbox.put(resultOf(peer.id, 'b'))
  t.match(await peer.until('task.done'), [{ job: 'job-1', term: 1, body: { tasks: [{ task: 'map/b', attempt: 1, term: 1, result: bytes('b'), ms: 7 }] } }])
})

t.test('after a kill all that was not noted is there, and is sent again; what was noted has left', async (t) => {
  const { dir, outbox, air, sender } = await openRooms(t)
  const peer = await air.peer()
  for (const task of ['a', 'b', 'c']) await outbox.put(resultOf(peer.id, task))
  await peer.until('task.done')
  outbox.noted(id('b'), peer.id)
  await outbox.close()
  const again = await reopened(t, join(dir, 'outbox.log'), sender)
  t.same(
    again.of(peer.id).map(({ task }) => task),
    ['map/a', 'map/c'],
  )
  t.same([...again.coordinators()], [peer.id])
  await sender.flush()
  const before = peer.of('task.done').length
  t.equal(again.sendAgain(id('b')), false)
  t.equal(again.sendAgain(id('a')), true)
  await sender.flush()
  const [told] = peer.of('task.done').slice(before)
  t.match(told?.body.tasks, [{ task: 'map/a', result: bytes('a') }])
})

t.test('without any good-bye a result is in the file as soon as put resolves', async (t) => {
  const { dir, outbox, air, sender } = await openRooms(t)
  const peer = await air.peer()
  await outbox.put(resultOf(peer.id, 'a'))
  const again = await reopened(t, join(dir, 'outbox.log'), sender)
  t.equal(again.size, 1)
})

t.test('a log torn at any byte gives a prefix of its results, each whole', async (t) => {
  const time = holdTime(t)
  const air = await openAir(t, time)
  const sender = openSender(air, time)
  const dir = await folder(t)
  const path = join(dir, 'outbox.log')
  const outbox = await openOutbox({ path, sender, log: silent })
  const ends: number[] = []
  for (const task of ['a', 'b', 'c']) {
    await outbox.put(resultOf('node', task))
    ends.push((await readFile(path)).length)
  }
  await outbox.close()
  const whole = await readFile(path)
  const torn = join(dir, 'torn.log')
  for (let length = 0; length <= whole.length; length++) {
    await writeFile(torn, whole)
    await truncate(torn, length)
    const again = await openOutbox({ path: torn, sender, log: silent })
    const found = again.of('node').map((ended) => `${ended.task} ${ended.is === 'done' ? Buffer.from(ended.result) : ended.error.message}`)
    await again.close()
    const expected = ['map/a a', 'map/b b', 'map/c c'].slice(0, ends.filter((end) => end <= length).length)
    if (found.join() !== expected.join()) t.same(found, expected, `torn at byte ${length} of ${whole.length}`)
  }
  t.equal(ends.length, 3)
})

t.test('opening writes the file anew: what was noted takes no room', async (t) => {
  const { dir, outbox, sender } = await openRooms(t)
  for (let i = 0; i < 20; i++) await outbox.put(resultOf('node', String(i)))
  for (let i = 1; i < 20; i++) outbox.noted(id(String(i)), 'node')
  await outbox.close()
  const path = join(dir, 'outbox.log')
  const before = (await readFile(path)).length
  const again = await openOutbox({ path, sender, log: silent })
  t.equal(again.size, 1)
  await again.close()
  t.ok((await readFile(path)).length < before / 10)
})

t.test('a large log whose results were all noted is emptied', async (t) => {
  const { dir, outbox } = await openRooms(t)
  for (let i = 0; i < 140; i++) await outbox.put(resultOf('node', String(i), { result: new Uint8Array(8192) }))
  for (let i = 0; i < 140; i++) outbox.noted(id(String(i)), 'node')
  await outbox.close()
  t.equal((await readFile(join(dir, 'outbox.log'))).length, 0)
})

t.test('a result that was noted while it was written is not sent', async (t) => {
  const { outbox, air, sender } = await openRooms(t)
  const peer = await air.peer()
  const putting = outbox.put(resultOf(peer.id, 'a'))
  outbox.noted(id('a'), peer.id)
  await putting
  await sender.flush()
  t.same(peer.heard, [])
  t.equal(outbox.size, 0)
})

t.test('closing a job takes its results and no others', async (t) => {
  const { dir, outbox, sender } = await openRooms(t)
  await outbox.put(resultOf('node', 'a'))
  await outbox.put(resultOf('node', 'a', { job: 'job-2' }))
  outbox.closeJob('job-1', 'a stranger')
  t.equal(outbox.size, 2)
  outbox.closeJob('job-1', 'node')
  t.same(
    outbox.of('node').map(({ job }) => job),
    ['job-2'],
  )
  await outbox.close()
  t.equal((await reopened(t, join(dir, 'outbox.log'), sender)).size, 1)
})

t.test('a failure stays and is sent again until it is noted, over a kill too', async (t) => {
  const { dir, outbox, air, sender } = await openRooms(t)
  const peer = await air.peer()
  const { result: _, ...place } = resultOf(peer.id, 'a')
  const error = { code: 'TASK_FAILED', message: 'planned', hint: 'none' }
  await outbox.put({ ...place, is: 'failed', error })
  await outbox.put(resultOf(peer.id, 'b'))
  t.match(await peer.until('task.failed'), [{ job: 'job-1', term: 1, body: { tasks: [{ task: 'map/a', attempt: 1, term: 1, error, ms: 7 }] } }])
  const again = await reopened(t, join(dir, 'outbox.log'), sender)
  t.same(
    again.of(peer.id).map(({ task, is }) => [task, is]),
    [
      ['map/a', 'failed'],
      ['map/b', 'done'],
    ],
  )
  t.equal(again.sendAgain(id('a')), true)
  t.match((await peer.until('task.failed', 2))[1], { body: { tasks: [{ error }] } })
  again.noted(id('a'), peer.id)
  t.equal(again.size, 1)
})

t.test('an outbox of the first version is read; one of a later version is left alone', async (t) => {
  const { dir, sender } = await openRooms(t)
  const { is: _, ...result } = resultOf('node', 'a')
  const { is: __, ...other } = resultOf('node', 'b')
  const path = join(dir, 'first.log')
  const first = await openLog(path, { read: () => {} })
  for (const entry of [
    { is: 'put', result },
    { is: 'put', result: other },
    { is: 'noted', id: id('b') },
  ])
    await first.append(entry, { now: true })
  await first.close()
  const outbox = await openOutbox({ path, sender, log: silent })
  t.match(outbox.of('node'), [{ is: 'done', task: 'map/a', result: bytes('a') }])
  await outbox.close()

  const later = await openLog(path, { read: () => {} })
  await later.append({ v: 3, is: 'put' }, { now: true })
  await later.close()
  const before = await readFile(path)
  await t.rejects(openOutbox({ path, sender, log: silent }), { code: 'BAD_DATA', message: /later version/ })
  t.same(await readFile(path), before)
})
