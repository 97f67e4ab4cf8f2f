import { appendFile, open, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { maxRecordBytes, openLog, type RecordLog } from '../../src/core/record-log.ts'

async function reopen(path: string): Promise<{ log: RecordLog; records: unknown[] }> {
  const records: unknown[] = []
  return { log: await openLog(path, { read: (record) => void records.push(record) }), records }
}

async function recordsOf(path: string): Promise<unknown[]> {
  const { log, records } = await reopen(path)
  await log.close()
  return records
}

async function written(path: string, records: readonly unknown[]): Promise<void> {
  const { log } = await reopen(path)
  await Promise.all(records.map((record) => log.append(record)))
  await log.close()
}

const samples = [{ is: 'opened', value: [1, 'two', null] }, { bytes: new Uint8Array([0, 255]) }, 'x'.repeat(3000), { is: 'closed' }]
const pathIn = (t: Test) => join(t.testdir(), 'a.log')

t.test('what was appended comes back in order', async (t) => {
  const path = pathIn(t)
  await written(path, samples)
  t.same(await recordsOf(path), samples)
  const { log, records } = await reopen(path)
  await log.append('more')
  t.equal(records.length, samples.length)
  await log.close()
  t.same(await recordsOf(path), [...samples, 'more'])
  t.equal((await stat(path)).mode & 0o777, 0o600)
})

t.test('appends of one moment share one write; `now` does not wait', async (t) => {
  const { log } = await reopen(pathIn(t))
  let isSoonDone = false
  const soon = log.append('soon').then(() => {
    isSoonDone = true
  })
  await log.append('at once', { now: true })
  await soon
  t.ok(isSoonDone, 'what waited went along')
  await log.close()
})

t.test('one after the other, each answers', async (t) => {
  const path = pathIn(t)
  const { log } = await reopen(path)
  for (let i = 0; i < 50; i++) await log.append(i, { now: i % 3 > 0, sync: i % 5 > 0 })
  await log.close()
  t.equal((await recordsOf(path)).length, 50)
})

t.test('close writes what waits', async (t) => {
  const path = pathIn(t)
  const { log } = await reopen(path)
  const appended = log.append('last words')
  await log.close()
  await appended
  t.same(await recordsOf(path), ['last words'])
  await t.rejects(log.append('after'), { code: 'IO' })
})

t.test('rewrite replaces all, and appends go on after it', async (t) => {
  const path = pathIn(t)
  const { log } = await reopen(path)
  void log.append('old')
  const rewritten = log.rewrite(['new', 'newer'])
  const appended = log.append('newest')
  await rewritten
  await appended
  t.equal(log.bytes, (await stat(path)).size)
  await log.close()
  t.same(await recordsOf(path), ['new', 'newer', 'newest'])
})

t.test('a record that is too large is refused and leaves the log as it is', async (t) => {
  const path = pathIn(t)
  const { log } = await reopen(path)
  await log.append('small')
  await t.rejects(log.append(new Uint8Array(maxRecordBytes)), { code: 'TOO_LARGE' })
  await t.rejects(log.rewrite([new Uint8Array(maxRecordBytes)]), { code: 'TOO_LARGE' })
  await log.append('small again')
  await log.close()
  t.same(await recordsOf(path), ['small', 'small again'])
})

t.test('a log cut at any byte opens with a prefix of its records', async (t) => {
  const path = pathIn(t)
  await written(path, samples)
  const whole = await readFile(path)
  for (let length = 0; length < whole.length; length += length < 100 || length > whole.length - 100 ? 1 : 13) {
    await writeFile(path, whole.subarray(0, length))
    const records = await recordsOf(path)
    if (!same(records, samples.slice(0, records.length))) t.fail(`cut at ${length}: ${JSON.stringify(records)}`)
    if (records.length === samples.length) t.fail(`cut at ${length} lost nothing`)
  }
  t.pass('each is a prefix')
})

t.test('after a torn tail was cut, appends are read again', async (t) => {
  const path = pathIn(t)
  await written(path, samples)
  await truncate(path, (await stat(path)).size - 3)
  const { log, records } = await reopen(path)
  t.equal(records.length, samples.length - 1)
  await log.append('after the cut')
  await log.close()
  t.same(await recordsOf(path), [...samples.slice(0, -1), 'after the cut'])
})

t.test('zeros at the end, as a power cut leaves them, are a torn tail', async (t) => {
  const path = pathIn(t)
  await written(path, samples)
  await appendFile(path, new Uint8Array(5000))
  t.same(await recordsOf(path), samples)
})

t.test('a damaged record before the end is said, never passed over', async (t) => {
  const path = pathIn(t)
  await written(path, samples)
  const file = await open(path, 'r+')
  await file.write(new Uint8Array([0xff]), 0, 1, 12)
  await file.close()
  await t.rejects(reopen(path), { code: 'JOURNAL_DAMAGED', message: /byte 0/ })
})

t.test('damage never yields a record that was not written', async (t) => {
  const path = pathIn(t)
  const records = Array.from({ length: 20 }, (_, i) => ({ i, text: 'x'.repeat(i * 7) }))
  await written(path, records)
  const whole = await readFile(path)
  const change = fc.record({ at: fc.nat(whole.length - 1), to: fc.uint8Array({ minLength: 1, maxLength: 12 }) })
  let damaged = 0
  let cut = 0
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const bytes = Buffer.from(whole)
      for (const { at, to } of changes) bytes.set(to.subarray(0, bytes.length - at), at)
      await writeFile(path, bytes)
      const found = await recordsOf(path).catch((error) => {
        if (error.code !== 'JOURNAL_DAMAGED') throw error
        damaged++
        return undefined
      })
      if (found === undefined) return
      if (found.length < records.length) cut++
      if (!same(found, records.slice(0, found.length))) throw new Error(`wrong records: ${JSON.stringify(found)}`)
    }),
    { seed: 20, numRuns: 400 },
  )
  t.ok(damaged > 0 && cut > 0, `${damaged} damaged, ${cut} cut`)
})

t.test('a log of many records opens in one pass', async (t) => {
  const path = pathIn(t)
  const many = Array.from({ length: 20_000 }, (_, i) => ({ i, pad: 'y'.repeat(i % 200) }))
  await written(path, many)
  t.same((await recordsOf(path)).length, many.length)
})

function same(a: unknown, b: unknown): boolean {
  return Buffer.from(JSON.stringify(a)).equals(Buffer.from(JSON.stringify(b)))
}
