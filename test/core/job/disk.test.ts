/**
 * A disk that is full: a small tmpfs, in mounts of this process's own, which end with it. Where none can be had (no root), the
 * tests are skipped by name.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openLog } from '../../../src/core/record-log.ts'
import { Cluster, ended, squares, toyKind, until } from './cluster.ts'

const isInside = process.env.IPDC_OWN_MOUNTS === '1'
const own = ['--mount', '--propagation', 'private']
const canMount = isInside || spawnSync('unshare', [...own, 'sh', '-c', `mount -t tmpfs -o size=64k ipdc-test ${tmpdir()}`]).status === 0
const skip = canMount ? false : 'no tmpfs can be mounted here'
/** A folder with 256 KiB, and the file that takes them all. */
function disk(t: Test) {
  const dir = mkdtempSync(join(tmpdir(), 'ipdc-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'ipdc-test', dir])
  t.teardown(() => {
    execFileSync('umount', ['-l', dir])
    rmdirSync(dir)
  })
  const ballast = join(dir, 'ballast')
  return {
    dir,
    fill: () => writeFile(ballast, new Uint8Array(1 << 20)).catch(() => {}),
    free: () => rm(ballast),
  }
}

if (canMount && !isInside) {
  t.spawn('unshare', [...own, process.execPath, import.meta.filename], { env: { ...process.env, IPDC_OWN_MOUNTS: '1' } }, 'a full disk')
} else fullDisk(t)

function fullDisk(t: Test): void {
  t.test('an append that finds no room fails and leaves no half record', { skip }, async (t) => {
    const { dir, fill, free } = disk(t)
    const path = join(dir, 'a.log')
    const log = await openLog(path, { read() {} })
    await log.append('before')
    await fill()
    await t.rejects(Promise.all(Array.from({ length: 10 }, () => log.append(new Uint8Array(20_000)))), { code: 'DISK_FULL' })
    t.equal((await readFile(path)).length, log.bytes)
    await free()
    await log.append('after')
    await log.close()
    const records: unknown[] = []
    await (await openLog(path, { read: (record) => void records.push(record) })).close()
    t.same(records, ['before', 'after'])
  })

  t.test('a patient log waits for room, in order; what cannot wait fails', { skip }, async (t) => {
    const { dir, fill, free } = disk(t)
    const path = join(dir, 'a.log')
    const told: (string | undefined)[] = []
    const log = await openLog(path, { read() {}, onStuck: (error) => void told.push(error?.code) })
    await log.append('before')
    await fill()
    const waiting = Array.from({ length: 8 }, (_, i) => log.append({ i, bytes: new Uint8Array(9000) }))
    await until(() => told.length > 0)
    await t.rejects(log.append('urgent', { now: true }), { code: 'DISK_FULL' })
    await free()
    await Promise.all(waiting)
    t.same(told, ['DISK_FULL', undefined])
    await log.close()
    const records: unknown[] = []
    await (await openLog(path, { read: (record) => void records.push(record) })).close()
    t.match(records, ['before', ...Array.from({ length: 8 }, (_, i) => ({ i }))])
  })

  t.test('a patient log that is closed waits no longer', { skip }, async (t) => {
    const { dir, fill } = disk(t)
    const told: unknown[] = []
    const log = await openLog(join(dir, 'a.log'), { read() {}, onStuck: (error) => void told.push(error) })
    await fill()
    const rejected = t.rejects(log.append(new Uint8Array(9000)), { code: 'DISK_FULL' })
    await until(() => told.length > 0)
    await log.close()
    await rejected
  })

  t.test('a job waits for the disk and then ends; a new one is refused', { skip }, async (t) => {
    const { dir, fill, free } = disk(t)
    const cluster = new Cluster()
    const node = cluster.add({ id: 'a', room: 4, slots: 1 })
    const coordinator = await cluster.start(t, toyKind(squares), { dir: join(dir, 'jobs') })
    const id = await coordinator.submit({ kind: 'toy', job: { tasks: 300 } })
    await until(() => node.ran.length > 10)
    await fill()
    await until(() => (coordinator.view(id)?.warnings.length ?? 0) > 0)
    await t.rejects(coordinator.submit({ kind: 'toy', job: { tasks: 1, input: 'x'.repeat(60_000) } }), { code: 'DISK_FULL' })
    const { length } = node.ran
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
    t.ok(node.ran.length - length <= 4, 'nothing more is offered')
    await free()
    t.match(await ended(coordinator, id), { state: 'done', stages: [{ done: 300 }], warnings: [/The job waits: .*ENOSPC/] })
  })
}
