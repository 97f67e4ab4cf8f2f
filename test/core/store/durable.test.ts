/** What a call promised is on disk when it resolves, seen from outside; and what the disk refuses is never promised. */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { silent } from '../../../src/core/log.ts'
import { createEmbeddedStore } from '../../../src/core/store/embedded.ts'
import { all, noise } from '../../conformance/store.ts'
import { run, strace } from './child.ts'
import { folder } from './folder.ts'

/** strace counts calls thread by thread. */
const oneThread = { UV_THREADPOOL_SIZE: '1' }

const promises: Record<string, string> = {
  addFile: `await store.addFile(noise('a', 100_000))`,
  'addFile with a pin': `await store.addFile(noise('a', 3_000_000), { pin: 'p' })`,
  addTree: `await store.addTree([{ path: 'a/b', content: noise('a', 100) }], { pin: 'p' })`,
  link: `await store.link([{ name: 'a', cid: 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e', size: 11 }], { pin: 'p' })`,
  pin: `await store.pin('bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e', 'p')`,
  unpin: `await store.unpin('before')`,
  importCar: `await store.importCar((async function* () { yield car })(), { expectRoot: root.cid, pin: 'p' })`,
  sync: `await store.putBlock(root.cid, noise('block', 1000)); await store.sync()`,
}

t.test('data is synced before a promise is kept', { skip: strace }, async (t) => {
  for (const [title, call] of Object.entries(promises)) {
    const dir = await folder(t)
    const trace = join(dir, 'trace')
    const body = `
      await store.addFile(Buffer.from('hello world'), { pin: 'before' })
      const other = await createEmbeddedStore({ path: path + '-other', limit: 2 ** 30, log: silent })
      const root = await other.addFile(noise('block', 1000))
      const car = []
      for await (const piece of other.exportCar(root.cid)) car.push(piece)
      await other.close()
      mark('MARK-before')
      ${call.replace('yield car', 'yield Buffer.concat(car)')}
      mark('MARK-after')`
    const ran = await run(join(dir, 'store'), body, {
      under: ['strace', '-f', '-y', '-o', trace, '-e', 'trace=fdatasync,fsync,write,writev,pwrite64,pwritev,pwritev2'],
    })
    t.equal(ran.code, 0, ran.stderr)
    const lines = (await readFile(trace, 'utf8')).split('\n')
    const between = lines.slice(
      lines.findIndex((line) => line.includes('MARK-before')),
      lines.findIndex((line) => line.includes('MARK-after')),
    )
    const written = between.filter((line) => /write/.test(line) && line.includes(`${join(dir, 'store')}/`) && !line.includes('lock'))
    t.ok(written.length > 0, `${title} writes`)
    for (const file of new Set(written.map((line) => /<([^>]+)>/.exec(line)?.[1] ?? ''))) {
      const lastWrite = between.findLastIndex((line) => /write/.test(line) && line.includes(`<${file}>`))
      // A call is told when it began and, where others came between, when it ended: the end counts.
      const synced = between.findLastIndex((line) => /(?:fdatasync|fsync)(?:\(|.*resumed>).*= 0/.test(line))
      const began = between.findLastIndex((line) => /(?:fdatasync|fsync)\(/.test(line) && line.includes(`<${file}>`))
      t.ok(began > lastWrite && synced >= began, `${title} syncs ${file.slice(dir.length)} after the last write to it`)
    }
  }
})

t.test('those who wait for the disk at the same time share its syncs', { skip: strace }, async (t) => {
  const dir = await folder(t)
  const trace = join(dir, 'trace')
  const body = `await Promise.all(Array.from({ length: 50 }, (_, i) => store.addFile(noise(String(i), 1000), { pin: 'p' + i })))`
  // A slow disk, as an SD card is: 20 ms a sync.
  const ran = await run(join(dir, 'store'), body, { under: ['strace', '-f', '-o', trace, '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:delay_enter=20000'] })
  t.equal(ran.code, 0, ran.stderr)
  const syncs = (await readFile(trace, 'utf8')).split('\n').filter((line) => line.includes('fdatasync(')).length
  t.ok(syncs >= 2 && syncs <= 12, `${syncs} syncs for 50 files and their pins`)
})

t.test('a disk that is full fails the add, and costs nothing that was promised', { skip: strace }, async (t) => {
  for (const when of [2, 3, 4]) {
    const path = join(await folder(t), 'store')
    const body = `
      const first = await store.addFile(noise('first', 1000), { pin: 'first' })
      mark(first.cid)
      const outcomes = await Promise.allSettled(Array.from({ length: 6 }, (_, i) => store.addFile(noise('x' + i, 1_500_000), { pin: 'p' + i })))
      for (const { status, reason, value } of outcomes) mark(status === 'fulfilled' ? value.cid : reason.code)
      const after = await store.addFile(noise('after', 3_000_000), { pin: 'after' })
      mark(after.cid)`
    const ran = await run(path, body, {
      under: ['strace', '-f', '-o', '/dev/null', '-e', 'trace=pwritev', '-e', `inject=pwritev:error=ENOSPC:when=${when}`],
      env: oneThread,
    })
    t.equal(ran.code, 0, ran.stderr)
    const [first = '', ...rest] = ran.stdout.trim().split('\n')
    const after = rest.pop() ?? ''
    t.ok(rest.includes('DISK_FULL'), rest.join(' '))
    const store = await createEmbeddedStore({ path, limit: 2 ** 31, log: silent })
    t.ok(Buffer.concat(await all(store.cat(first))).length === 1000)
    t.ok(Buffer.concat(await all(store.cat(after))).length === 3_000_000, 'and it goes on once there is room')
    const pins = new Set((await all(store.pins())).map(({ cid }) => cid))
    for (const outcome of rest) if (outcome.startsWith('baf')) t.ok((await store.stat(outcome)).size === 1_500_000 && pins.has(outcome))
    t.equal(pins.size, rest.filter((outcome) => outcome.startsWith('baf')).length + 2, 'what failed is not pinned')
    await store.close()
  }
})

t.test('after a sync that failed nothing is promised any more', { skip: strace }, async (t) => {
  const path = join(await folder(t), 'store')
  const body = `
    const codes = []
    for (let i = 0; i < 3; i++) await store.addFile(noise('x' + i, 1000)).then(() => mark('kept'), (error) => mark(error.code))
    process.exit(0)`
  const ran = await run(path, body, {
    under: ['strace', '-f', '-o', '/dev/null', '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO:when=2+'],
    env: oneThread,
  })
  t.same(ran.stdout.trim().split('\n'), ['kept', 'IO', 'IO'])
})

t.test('a store has a limit, and room again after a collection', async (t) => {
  const store = await createEmbeddedStore({ path: join(await folder(t), 'store'), limit: 4 << 20, log: silent, segmentBytes: 1 << 20 })
  t.teardown(() => store.close())
  await store.addFile(noise('pinned', 1 << 20), { pin: 'keep' })
  await store.addFile(noise('free', 2 << 20))
  await t.rejects(store.addFile(noise('more', 2 << 20), { pin: 'never' }), { code: 'DISK_FULL' })
  t.same(
    (await all(store.pins())).map(({ name }) => name),
    ['keep'],
  )
  t.ok((await store.usage()).bytes <= 4 << 20)
  const { freed } = await store.gc()
  t.ok(freed >= 2 << 20)
  const { cid } = await store.addFile(noise('more', 2 << 20), { pin: 'now' })
  t.ok(Buffer.concat(await all(store.cat(cid))).equals(noise('more', 2 << 20)))
})

t.test('a process killed at any moment has kept its promises', async (t) => {
  for (let round = 0; round < 4; round++) {
    const path = join(await folder(t), 'store')
    const body = `
      for (let i = 0; ; i++) {
        const size = 1 + (i * 7919) % 300_000
        const made = await store.addFile(noise('f' + i, size), { pin: 'p' + i })
        mark(made.cid + ' ' + size)
        if (i === ${5 + round * 4}) setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${round * 3})
      }`
    const ran = await run(path, body)
    const lines = ran.stdout.trim().split('\n')
    t.ok(lines.length >= 5)
    const store = await createEmbeddedStore({ path, limit: 2 ** 31, log: silent })
    const pins = new Set((await all(store.pins())).map(({ cid }) => cid))
    for (const line of lines) {
      const [cid = '', size] = line.split(' ')
      t.ok(pins.has(cid) && Buffer.concat(await all(store.cat(cid))).length === Number(size), cid)
    }
    await store.close()
    await rm(path, { recursive: true, force: true })
  }
})
