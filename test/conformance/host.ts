/** What every host of tasks must do, whatever carries its channel. `open` gives hosts that know the tried kinds of test/fixtures/host. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { createService } from '../../agent/hosts/serve.ts'
import type { Hosts, Progress } from '../../agent/hosts/thread.ts'
import { silent } from '../../src/core/log.ts'
import type { Store } from '../../src/core/ports.ts'
import { createEmbeddedStore } from '../../src/core/store/embedded.ts'
import { localReader } from '../fakes/local-reader.ts'
import type { Try } from '../fixtures/host/kinds.ts'

export interface Adapter {
  open(): Hosts
}

interface Bench {
  readonly store: Store
  try(task: Try, options?: { readonly signal?: AbortSignal; readonly log?: object[]; readonly progress?: (one: Progress) => void }): Promise<unknown>
}

export function conformance(t: Test, { open }: Adapter): void {
  const bench = async (t: Test): Promise<Bench> => {
    const dir = await mkdtemp(join(tmpdir(), 'ipdc-host-'))
    const store = await createEmbeddedStore({ path: join(dir, 'store'), limit: 1 << 30, log: silent })
    const hosts = open()
    t.teardown(async () => {
      await hosts.close()
      await store.close()
      await rm(dir, { recursive: true, force: true })
    })
    let attempt = 0
    return {
      store,
      async try(task, { signal = new AbortController().signal, log = [], progress = () => {} } = {}) {
        const scratch = join(dir, `scratch-${++attempt}`)
        const service = createService({ task, scratch, states: join(dir, 'states'), pin: 'job/x/y', store, reader: localReader(store), signal })
        const write = (fields: object, message: string) => void log.push({ ...fields, message })
        return hosts.run({
          assignment: { kind: 'try@1', value: task, job: 'job-1', task: 'stage/1', attempt, node: 'node-1', scratch },
          service,
          signal,
          log: { ...silent, info: write, warn: write, error: write, debug: write },
          progress,
        })
      },
    }
  }
  const added = (store: Store, text: string | Uint8Array) => store.addFile(typeof text === 'string' ? new TextEncoder().encode(text) : text, { pin: 'test' })

  t.test('a task gets its value and who it is, and its result comes back', async (t) => {
    const b = await bench(t)
    t.same(await b.try({ what: 'echo', text: 'hé' }), { text: 'hé', job: 'job-1', task: 'stage/1', attempt: 1, node: 'node-1' })
    t.match(await b.try({ what: 'echo', text: 'again' }), { text: 'again', attempt: 2 }, 'a warm host runs another')
  })

  t.test('it reads what its task names, whole and in part', async (t) => {
    const b = await bench(t)
    const { cid } = await added(b.store, 'content')
    t.equal(await b.try({ what: 'cat', address: cid }), 'content')
    t.equal(await b.try({ what: 'slice', address: cid }), 'nte')
    t.equal(await b.try({ what: 'path', address: cid }), 'content')
  })

  t.test('large content comes in chunks of at most 1 MiB; a reader may leave early', async (t) => {
    const b = await bench(t)
    const { cid } = await added(b.store, new Uint8Array(3_500_000))
    t.same(await b.try({ what: 'size', address: cid }), { size: 3_500_000, largest: 1 << 20 })
    t.equal(await b.try({ what: 'leave', address: cid }), 1 << 20)
    t.match(await b.try({ what: 'echo', text: 'fine' }), { text: 'fine' })
  })

  t.test('what an attempt left running takes nothing from the next one', async (t) => {
    const b = await bench(t)
    const { cid } = await added(b.store, new Uint8Array(3_500_000))
    await t.rejects(b.try({ what: 'litter', address: cid }), { code: 'TASK_FAILED' })
    for (let i = 0; i < 5; i++) t.match(await b.try({ what: 'size', address: cid }), { size: 3_500_000 })
  })

  t.test('what its task does not name is refused', async (t) => {
    const b = await bench(t)
    const { cid } = await added(b.store, 'secret of another job')
    // A string that only contains an address names none: the code takes it apart and asks.
    await t.rejects(b.try({ what: 'peek', text: `x${cid}` }), { code: 'REFUSED', cid })
    const other = await added(b.store, 'another')
    const link = await b.store.link([{ ...other, name: 'in' }], { pin: 'test' })
    t.equal(await b.try({ what: 'cat', address: `${link.cid}/in` }), 'another', 'below what it names it may')
  })

  t.test('it gives files, streams, trees and links, pinned for its job before they are named', async (t) => {
    const b = await bench(t)
    t.match(await b.try({ what: 'add', text: 'x' }), { name: 'added', size: 1 })
    const stream = (await b.try({ what: 'stream' })) as { cid: string; size: number }
    t.equal(stream.size, 3_000_000)
    const bytes: number[] = []
    for await (const chunk of b.store.cat(stream.cid, { offset: 299_999, length: 2 })) bytes.push(...chunk)
    t.same(bytes, [0, 1], 'a reused buffer was taken as it was')
    const tree = (await b.try({ what: 'tree' })) as { cid: string }
    const names: string[] = []
    for await (const { name } of b.store.ls(tree.cid)) names.push(name)
    t.same(names, ['a.txt', 'b', 'empty'])
    t.equal(await b.try({ what: 'link' }), 'A')
    const pinned = new Set<string>()
    for await (const { cid } of b.store.pins('job/x/y')) pinned.add(cid)
    t.ok(pinned.has(stream.cid) && pinned.has(tree.cid))
  })

  t.test('a file of its scratch folder may be given, one outside may not', async (t) => {
    const b = await bench(t)
    t.match(await b.try({ what: 'file', text: 'from disk' }), { size: 9 })
    await t.rejects(b.try({ what: 'steal' }), { code: 'REFUSED' })
  })

  t.test('what its code throws is TASK_FAILED with the stack; our own codes pass', async (t) => {
    const b = await bench(t)
    await t.rejects(b.try({ what: 'fail' }), { code: 'TASK_FAILED', message: /TypeError: planned[\s\S]*kinds\.ts/ })
    await t.rejects(b.try({ what: 'full' }), { code: 'TABLE_FULL', hint: 'less' })
    await t.rejects(b.try({ what: 'gang' }), { code: 'NOT_OFFERED' })
  })

  t.test('an aborted attempt ends as CANCELLED, and the host goes on', async (t) => {
    const b = await bench(t)
    const abort = new AbortController()
    // Aborted once it has begun: it says so by its progress.
    await t.rejects(b.try({ what: 'wait' }, { signal: abort.signal, progress: () => abort.abort() }), { code: 'CANCELLED' })
    t.match(await b.try({ what: 'echo', text: 'next' }), { text: 'next' })
  })

  t.test('code that does not listen is ended from outside', async (t) => {
    const b = await bench(t)
    const abort = new AbortController()
    // Aborted once it has begun: it says so by its progress.
    await t.rejects(b.try({ what: 'spin' }, { signal: abort.signal, progress: () => abort.abort() }), { code: 'CANCELLED' })
    t.match(await b.try({ what: 'echo', text: 'next' }), { text: 'next' })
  })

  t.test('a host that dies fails its attempt, and the next one has a new host', async (t) => {
    const b = await bench(t)
    await t.rejects(b.try({ what: 'exit' }), { code: 'TASK_FAILED' })
    t.match(await b.try({ what: 'echo', text: 'next' }), { text: 'next' })
  })

  t.test('state is kept from attempt to attempt', async (t) => {
    const b = await bench(t)
    t.equal(await b.try({ what: 'state', text: 'one' }), 'nothing')
    t.equal(await b.try({ what: 'state', text: 'two' }), 'one')
  })

  t.test('log lines and progress reach the agent', async (t) => {
    const b = await bench(t)
    const log: object[] = []
    const progress: Progress[] = []
    await b.try({ what: 'talk' }, { log, progress: (one) => void progress.push(one) })
    t.same(log, [{ a: 1, b: 2, message: 'hello' }])
    t.match(progress, [{ fraction: 0.5, note: 'half' }])
  })

  t.test('nothing of the agent’s environment is there', async (t) => {
    process.env.IPDC_TEST_SECRET = 'not for tasks'
    t.teardown(() => delete process.env.IPDC_TEST_SECRET)
    const b = await bench(t)
    const names = (await b.try({ what: 'environment' })) as string[]
    // The test runner puts names of its own into every thread.
    t.same(
      names.filter((name) => !name.startsWith('_TAPJS')),
      [],
    )
  })
}
