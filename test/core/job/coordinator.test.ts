import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { IpdcError } from '../../../src/core/errors.ts'
import type { Coordinator } from '../../../src/core/job/coordinator.ts'
import type { Artifact } from '../../../src/core/kind.ts'
import type { JobEvent, JobView } from '../../../src/core/views.ts'
import { Cluster, ended, fakeCid, type Offered, rootOf, square, squares, type ToyContext, type ToyJob, type ToyResult, toyKind, until } from './cluster.ts'

const toy = { kind: 'toy', job: { tasks: 20 } }

/** As if the process died: what is on disk now goes on elsewhere, nothing else does. */
async function restarted(t: Test, cluster: Cluster, dir: string, kind = toyKind(squares)): Promise<{ coordinator: Coordinator; dir: string }> {
  cluster.coordinator = undefined
  const copy = `${dir}-again`
  await cp(dir, copy, { recursive: true })
  return { coordinator: await cluster.start(t, kind, { dir: copy }), dir: copy }
}

/** Tasks that wait until they are let go. */
function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

t.test('a job runs its tasks on all nodes and ends with its root', async (t) => {
  const cluster = new Cluster()
  const nodes = ['a', 'b', 'c'].map((id) => cluster.add({ id }))
  const coordinator = await cluster.start(t, toyKind(squares), { dir: t.testdir() })
  const id = await coordinator.submit({ kind: 'toy', job: { tasks: 100 } })
  t.match(id, /^toy-[a-z2-7]{8}$/)
  const view = await ended(coordinator, id)
  t.match(view, { state: 'done', root: rootOf({ tasks: 100 }), stages: [{ name: 'square', total: 100, done: 100, waiting: 0, running: 0, failed: 0 }] })
  t.equal(
    nodes.reduce((sum, { ran }) => sum + ran.length, 0),
    100,
    'each once',
  )
  t.ok(nodes.every(({ ran }) => ran.length > 0))
  t.equal(
    Object.values(view.nodes).reduce((sum, count) => sum + count, 0),
    100,
  )
  await until(() => nodes.every(({ closed, outbox }) => closed.length === 1 && outbox.size === 0))
  t.same(nodes[0]?.closed, [{ how: 'done', root: rootOf({ tasks: 100 }).cid }], 'every node is told that it is over')
  const perTask = cluster.sent.filter(({ type }) => type === 'task.offer' || type === 'lease.grant').length / 100
  t.ok(perTask <= 1.2, `${perTask} messages a task from here`)
})

t.test('what a job cannot be is refused by name', async (t) => {
  const cluster = new Cluster()
  const coordinator = await cluster.start(t, toyKind(squares), { dir: t.testdir(), limits: { openJobs: 1 } })
  await t.rejects(coordinator.submit({ kind: 'mr', job: {} }), { code: 'WRONG_KIND' })
  await t.rejects(coordinator.submit({ kind: 'toy', job: { tasks: 'many' } }), { code: 'BAD_DATA', message: /tasks/ })
  await t.rejects(coordinator.submit({ ...toy, label: 'Not a name' }), { code: 'USAGE' })
  await t.rejects(coordinator.submit({ kind: 'toy', job: { tasks: 1, input: 'x'.repeat(70_000) } }), { code: 'TOO_LARGE' })
  t.match(await coordinator.submit({ ...toy, label: 'words' }), /^words-/)
  await t.rejects(coordinator.submit(toy), { code: 'BUSY' })
  t.throws(() => coordinator.follow('nothing'), { code: 'NOT_FOUND' })
  await t.rejects(coordinator.cancel('nothing'), { code: 'NOT_FOUND' })
  t.equal(coordinator.view('nothing'), undefined)
})

t.test('what a stage cannot be is refused by name', async (t) => {
  const cluster = new Cluster()
  const errors: unknown[] = []
  const asked = (ctx: ToyContext) => [
    () => ctx.run('s', [], { gang: true }),
    () => ctx.run('s', [], { quorum: 2 }),
    () => ctx.run('s', [], { spread: true }),
    () => ctx.formed('s'),
    () => ctx.run('Not a name', []),
  ]
  const coordinate = async (_: ToyJob, ctx: ToyContext): Promise<Artifact> => {
    for (const call of asked(ctx)) {
      try {
        call()
      } catch (error) {
        errors.push((error as IpdcError).code)
      }
    }
    for await (const _ of ctx.run('s', [{ i: 'no number' } as never])) break
    return rootOf({ tasks: 0 })
  }
  const coordinator = await cluster.start(t, toyKind(coordinate), { dir: t.testdir() })
  t.match(await ended(coordinator, await coordinator.submit(toy)), { state: 'failed', error: { code: 'BAD_DATA', message: /task of stage "s" at i/ } })
  t.same(errors, ['NOT_OFFERED', 'NOT_OFFERED', 'NOT_OFFERED', 'NOT_OFFERED', 'USAGE'])
})

t.test('a restarted coordinator goes on, and runs no finished task again', async (t) => {
  const cluster = new Cluster()
  const { open, opened } = gate()
  const node = cluster.add({
    id: 'a',
    async work(offered) {
      if (offered.body.i >= 10) await opened
      return square(offered)
    },
  })
  const dir = join(t.testdir(), 'jobs')
  const first = await cluster.start(t, toyKind(squares), { dir })
  const id = await first.submit(toy)
  // Noted means on disk: the node has forgotten the first ten.
  await until(() => first.view(id)?.stages[0]?.done === 10)
  await until(() => node.outbox.size === 0)
  const { coordinator } = await restarted(t, cluster, dir)
  t.match(coordinator.view(id), { state: 'open', term: 2 })
  await until(() => coordinator.view(id)?.stages[0]?.done === 10)
  node.beat()
  open()
  t.match(await endedInTime(cluster, coordinator, id), { state: 'done', stages: [{ done: 20 }] })
  t.equal(new Set(node.ran).size, 20)
  t.equal(node.ran.length, 20, 'what ran when it died was adopted, what waited too')
})

t.test('results that came to nobody are sent again and adopted', async (t) => {
  const cluster = new Cluster()
  const node = cluster.add({ id: 'a', room: 20, slots: 20 })
  const dir = join(t.testdir(), 'jobs')
  const first = await cluster.start(t, toyKind(squares), { dir })
  const id = await first.submit(toy)
  await until(() => cluster.sent.some(({ type }) => type === 'task.offer'))
  cluster.coordinator = undefined
  await until(() => node.outbox.size === 20)
  const { coordinator } = await restarted(t, cluster, dir)
  node.beat()
  t.match(await ended(coordinator, id), { state: 'done', stages: [{ done: 20 }] })
  t.equal(node.ran.length, 20)
})

t.test('the death of a node costs nothing but time', async (t) => {
  const cluster = new Cluster()
  const { opened } = gate()
  const hung = cluster.add({ id: 'a', work: () => opened.then(() => ({ square: 0, cid: '' })) })
  const well = cluster.add({ id: 'b' })
  const coordinator = await cluster.start(t, toyKind(squares), { dir: t.testdir() })
  const id = await coordinator.submit(toy)
  const events = watched(coordinator, id)
  await until(() => well.ran.length >= 16)
  cluster.kill(hung)
  t.match(await ended(coordinator, id), { state: 'done', stages: [{ done: 20, lost: 4 }], nodes: { b: 20 } })
  const lost = (await events).filter((event) => event.is === 'task' && event.state === 'lost')
  t.equal(lost.length, 4)
})

/** Two stages: the second needs what the first made. */
async function twoStages(job: ToyJob, ctx: ToyContext): Promise<Artifact> {
  const made: string[] = []
  const first = Array.from({ length: job.tasks }, (_, i) => ({ i, input: '' }))
  for await (const outcome of ctx.run('make', first)) if (outcome.is === 'done') made[outcome.task.i] = outcome.result.cid
  const second = made.map((input, i) => ({ i: 100 + i, input }))
  for await (const _ of ctx.run('use', second));
  return rootOf(job)
}

t.test('an input that was lost is made again, under its name and without cost', async (t) => {
  const cluster = new Cluster()
  const lost = new Set<string>()
  const work = (offered: Offered): ToyResult => {
    const { input, i } = offered.body
    if (input !== '' && lost.has(input)) throw new IpdcError('INPUT_LOST', { message: 'no holder', cid: input })
    lost.delete(fakeCid(i))
    return square(offered)
  }
  const nodes = ['a', 'b'].map((id) => cluster.add({ id, work }))
  const coordinator = await cluster.start(t, toyKind(twoStages), { dir: t.testdir() })
  lost.add(fakeCid(1)).add(fakeCid(3))
  // What is made again is there again; until then it was lost with its holder.
  const id = await coordinator.submit({ kind: 'toy', job: { tasks: 6 } })
  const events = watched(coordinator, id)
  await until(() => coordinator.view(id)?.stages[0]?.done === 6)
  lost.add(fakeCid(1)).add(fakeCid(3))
  t.match(await ended(coordinator, id), {
    state: 'done',
    stages: [
      { name: 'make', done: 6 },
      { name: 'use', done: 6, failed: 0 },
    ],
  })
  const ran = nodes.flatMap((node) => node.ran)
  t.equal(ran.filter((name) => name.startsWith('make/')).length, 8, 'two were made twice')
  const withdrawn = (await events).filter((event) => event.is === 'task' && event.state === 'withdrawn')
  t.equal(withdrawn.length, 2)
})

t.test('a root that is not whole is completed by running again what made its parts', async (t) => {
  const cluster = new Cluster()
  const node = cluster.add({ id: 'a' })
  let calls = 0
  const coordinator = await cluster.start(t, toyKind(squares), {
    dir: t.testdir(),
    async complete(root, job, signal) {
      t.equal(root.cid, rootOf({ tasks: 5 }).cid)
      t.match(job, /^toy-/)
      t.notOk(signal.aborted)
      if (++calls < 3) throw new IpdcError('INPUT_LOST', { message: 'no holder', cid: fakeCid(4) })
    },
  })
  const id = await coordinator.submit({ kind: 'toy', job: { tasks: 5 } })
  t.match(await ended(coordinator, id), { state: 'done', stages: [{ done: 5 }] })
  t.equal(calls, 3)
  t.equal(node.ran.length, 7, 'the same task twice more')
})

t.test('what `coordinate` reads is made again where it was lost', async (t) => {
  const cluster = new Cluster()
  cluster.add({ id: 'a' })
  let losses = 0
  const coordinate = async (job: ToyJob, ctx: ToyContext): Promise<Artifact> => {
    let cid = ''
    for await (const outcome of ctx.run('make', [{ i: 7, input: '' }])) if (outcome.is === 'done') cid = outcome.result.cid
    const bytes: number[] = []
    for await (const chunk of ctx.store.cat(cid)) bytes.push(...chunk)
    t.same(bytes, [1, 2, 3, 4, 5, 6], 'each byte once')
    return rootOf(job)
  }
  const coordinator = await cluster.start(t, toyKind(coordinate), {
    dir: t.testdir(),
    store: () => ({
      async *cat(cid, offset = 0) {
        for (let at = offset; at < 6; at += 2) {
          if (at === 2 && losses++ < 2) throw new IpdcError('INPUT_LOST', { message: 'no holder', cid })
          yield new Uint8Array([at + 1, at + 2])
        }
      },
      async *ls() {},
      addBytes: async () => rootOf({ tasks: 0 }),
      addTree: async () => rootOf({ tasks: 0 }),
      link: async () => rootOf({ tasks: 0 }),
    }),
  })
  t.match(await ended(coordinator, await coordinator.submit(toy)), { state: 'done' })
  t.equal(losses, 3)
})

t.test("a task that always fails is tried four times, on three nodes, then its error is the job's", async (t) => {
  const cluster = new Cluster()
  const work = (offered: Offered) => {
    if (offered.body.i === 3) throw new IpdcError('TASK_FAILED', { message: 'cannot be squared' })
    return square(offered)
  }
  const nodes = ['a', 'b', 'c', 'd', 'e'].map((id) => cluster.add({ id, work }))
  const coordinator = await cluster.start(t, toyKind(squares), { dir: t.testdir() })
  const id = await coordinator.submit(toy)
  const events = watched(coordinator, id)
  t.match(await ended(coordinator, id), { state: 'failed', error: { code: 'TASK_FAILED', message: 'cannot be squared' } })
  const failures = (await events).filter((event) => event.is === 'task' && event.state === 'failed')
  t.equal(failures.length, 4)
  t.ok(new Set(failures.map((event) => event.is === 'task' && event.node)).size >= 3)
  await until(() => nodes.every(({ held, outbox }) => held.size === 0 && outbox.size === 0))
})

t.test('a failure that no retry can mend is final at once, and `yield` lets the job go on', async (t) => {
  const cluster = new Cluster()
  const node = cluster.add({
    id: 'a',
    work(offered) {
      if (offered.body.i % 2 === 1) throw new IpdcError('NO_INPUT', { message: 'odd' })
      return square(offered)
    },
  })
  const failed: string[] = []
  const coordinate = async (job: ToyJob, ctx: ToyContext): Promise<Artifact> => {
    const source = Array.from({ length: 10 }, (_, i) => ({ i, input: '' }))
    for await (const outcome of ctx.run('s', source, { failed: 'yield' })) if (outcome.is === 'failed') failed.push(`${outcome.task.i} ${outcome.error.code}`)
    return rootOf(job)
  }
  const coordinator = await cluster.start(t, toyKind(coordinate), { dir: t.testdir() })
  t.match(await ended(coordinator, await coordinator.submit(toy)), { state: 'done', stages: [{ done: 5, failed: 5 }] })
  t.same(failed.sort(), ['1 NO_INPUT', '3 NO_INPUT', '5 NO_INPUT', '7 NO_INPUT', '9 NO_INPUT'])
  t.equal(node.ran.length, 10)
})

t.test('a failure is remembered over a restart', async (t) => {
  const cluster = new Cluster()
  const { opened, open } = gate()
  const node = cluster.add({
    id: 'a',
    room: 20,
    slots: 20,
    async work(offered) {
      if (offered.body.i === 1) throw new IpdcError('NO_INPUT', { message: 'odd' })
      if (offered.body.i > 1) await opened
      return square(offered)
    },
  })
  const coordinate = async (job: ToyJob, ctx: ToyContext): Promise<Artifact> => {
    const source = Array.from({ length: 10 }, (_, i) => ({ i, input: '' }))
    for await (const _ of ctx.run('s', source, { failed: 'yield' }));
    return rootOf(job)
  }
  const dir = join(t.testdir(), 'jobs')
  const first = await cluster.start(t, toyKind(coordinate), { dir })
  const id = await first.submit(toy)
  await until(() => first.view(id)?.stages[0]?.failed === 1 && node.outbox.size === 0)
  const { coordinator } = await restarted(t, cluster, dir, toyKind(coordinate))
  node.beat()
  open()
  t.match(await endedInTime(cluster, coordinator, id), { state: 'done', stages: [{ done: 9, failed: 1 }] })
  t.equal(node.ran.length, 10, 'it was not tried again')
})

t.test('a result that is not of its schema fails its attempt, which is tried elsewhere', async (t) => {
  const cluster = new Cluster()
  cluster.add({ id: 'liar', work: () => ({ square: 'no number' }) as never })
  cluster.add({ id: 'well' })
  const coordinator = await cluster.start(t, toyKind(squares), { dir: t.testdir() })
  const id = await coordinator.submit(toy)
  const events = watched(coordinator, id)
  t.match(await ended(coordinator, id), { state: 'done', nodes: { well: 20 } })
  const failures = (await events).filter((event) => event.is === 'task' && event.state === 'failed')
  t.ok(failures.length > 0)
  t.ok(failures.every((event) => event.is === 'task' && event.error?.code === 'BAD_DATA' && event.node === 'liar'))
})

t.test('a cancelled job waits for nobody; its nodes are told', async (t) => {
  const cluster = new Cluster()
  const node = cluster.add({ id: 'a', work: () => new Promise<never>(() => {}) })
  let reason: unknown
  const coordinate = async (job: ToyJob, ctx: ToyContext) => {
    ctx.signal.addEventListener('abort', () => {
      reason = ctx.signal.reason
    })
    return squares(job, ctx)
  }
  const dir = join(t.testdir(), 'jobs')
  const coordinator = await cluster.start(t, toyKind(coordinate), { dir })
  const id = await coordinator.submit(toy)
  await until(() => node.ran.length > 0)
  await coordinator.cancel(id)
  t.match(coordinator.view(id), { state: 'cancelled', error: { code: 'JOB_CANCELLED' } })
  t.ok(reason instanceof IpdcError)
  await until(() => node.held.size === 0 && node.closed.length > 0)
  t.ok(node.closed.every(({ how }) => how === 'cancelled'))
  t.ok(cluster.sent.some(({ type }) => type === 'task.cancel'))
  await coordinator.cancel(id)
  t.equal(coordinator.openJobs, 0)
  const again = await restarted(t, cluster, dir)
  t.match(again.coordinator.view(id), { state: 'cancelled' }, 'for good')
})

t.test('leaving the loop ends what is live, and the source', async (t) => {
  const cluster = new Cluster()
  const node = cluster.add({ id: 'a', room: 6, slots: 1 })
  let isReturned = false
  const coordinate = async (job: ToyJob, ctx: ToyContext): Promise<Artifact> => {
    async function* endless() {
      try {
        for (let i = 0; ; i++) yield { i, input: '' }
      } finally {
        isReturned = true
      }
    }
    for await (const outcome of ctx.run('s', endless())) if (outcome.task.i === 5) break
    return rootOf(job)
  }
  const coordinator = await cluster.start(t, toyKind(coordinate), { dir: t.testdir() })
  t.match(await ended(coordinator, await coordinator.submit(toy)), { state: 'done' })
  t.ok(isReturned)
  t.ok(node.ran.length < 20, `${node.ran.length} tasks ran of an endless source`)
})

t.test('the source is taken from only while nodes have room, and no more than `window`', async (t) => {
  for (const [window, most] of [
    [undefined, 11],
    [2, 2],
  ] as const) {
    const cluster = new Cluster()
    const { open, opened } = gate()
    cluster.add({ id: 'a', room: 10, slots: 2, work: (offered) => opened.then(() => square(offered)) })
    let taken = 0
    const coordinate = async (job: ToyJob, ctx: ToyContext): Promise<Artifact> => {
      function* source() {
        for (let i = 0; i < 100; i++) {
          taken++
          yield { i, input: '' }
        }
      }
      for await (const _ of ctx.run('s', source(), window === undefined ? {} : { window }));
      return rootOf(job)
    }
    const coordinator = await cluster.start(t, toyKind(coordinate), { dir: t.testdir() })
    const id = await coordinator.submit(toy)
    await until(() => coordinator.view(id)?.stages[0]?.running === 2)
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    t.ok(taken <= most, `${taken} taken with window ${window}`)
    open()
    t.match(await ended(coordinator, id), { state: 'done', stages: [{ done: 100 }] })
  }
})

t.test('a chain of slices: the source waits for what it gave', async (t) => {
  const cluster = new Cluster()
  cluster.add({ id: 'a' })
  const coordinate = async (job: ToyJob, ctx: ToyContext): Promise<Artifact> => {
    let last = ''
    let wake = () => {}
    async function* slices() {
      for (let i = 0; i < 10; i++) {
        yield { i, input: last }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    for await (const outcome of ctx.run('slice', slices(), { id: ({ i }) => `${i}` })) {
      if (outcome.is === 'done') last = outcome.result.cid
      wake()
    }
    return { ...rootOf(job), cid: last }
  }
  const coordinator = await cluster.start(t, toyKind(coordinate), { dir: t.testdir() })
  const view = await ended(coordinator, await coordinator.submit(toy))
  t.match(view, { state: 'done', root: { cid: fakeCid(9) }, stages: [{ done: 10, total: 10 }] })
})

t.test('equal tasks are told apart by their occurrence', async (t) => {
  const cluster = new Cluster()
  const node = cluster.add({ id: 'a' })
  const coordinate = async (job: ToyJob, ctx: ToyContext): Promise<Artifact> => {
    let count = 0
    for await (const _ of ctx.run(
      's',
      [1, 1, 1].map((i) => ({ i, input: '' })),
    ))
      count++
    for await (const _ of ctx.run(
      't',
      [1, 2].map((i) => ({ i, input: '' })),
      { id: () => 'same' },
    ))
      count++
    t.equal(count, 5)
    return rootOf(job)
  }
  const coordinator = await cluster.start(t, toyKind(coordinate), { dir: t.testdir() })
  t.match(await ended(coordinator, await coordinator.submit(toy)), { state: 'done' })
  const [one, two, three, ...named] = node.ran.sort()
  t.match(one, /^s\/[a-z2-7]{26}$/)
  t.same([two, three], [`${one}~2`, `${one}~3`])
  t.same(named, ['t/same', 't/same~2'])
})

t.test('--nodes N: the first of the ranking, and one that dies is replaced', async (t) => {
  const cluster = new Cluster()
  const nodes = ['a', 'b', 'c', 'd'].map((id) => cluster.add({ id }))
  const coordinator = await cluster.start(t, toyKind(squares), { dir: t.testdir() })
  const id = await coordinator.submit({ kind: 'toy', job: { tasks: 50 }, nodes: 2 })
  t.equal(Object.keys((await ended(coordinator, id)).nodes).length, 2)
  t.equal(nodes.filter(({ ran }) => ran.length > 0).length, 2)
  const more = await ended(coordinator, await coordinator.submit({ kind: 'toy', job: { tasks: 50 }, nodes: 9 }))
  t.match(more.warnings, [/4 nodes where 9 were asked for/], 'fewer is a warning')
})

t.test("a node that will not run the job is left out at no cost; where all refuse, their word is the job's error", async (t) => {
  const cluster = new Cluster()
  const refuse = new IpdcError('REFUSED', { message: 'only my own jobs' })
  cluster.add({ id: 'mine', refuse })
  const well = cluster.add({ id: 'well' })
  const coordinator = await cluster.start(t, toyKind(squares), { dir: t.testdir() })
  t.match(await ended(coordinator, await coordinator.submit(toy)), { state: 'done', nodes: { well: 20 } })
  cluster.kill(well)
  t.match(await ended(coordinator, await coordinator.submit(toy)), { state: 'failed', error: { code: 'REFUSED', message: 'only my own jobs' } })
})

t.test('where nobody can run it a job waits, says so once, and goes on when a node comes', async (t) => {
  const cluster = new Cluster()
  const coordinator = await cluster.start(t, toyKind(squares), { dir: t.testdir() })
  const id = await coordinator.submit(toy)
  const events = watched(coordinator, id)
  await until(() => {
    cluster.now += 1
    return (coordinator.view(id)?.warnings.length ?? 0) > 0
  })
  cluster.add({ id: 'late' })
  t.match(await ended(coordinator, id), { state: 'done', nodes: { late: 20 }, warnings: [/No node of the domain runs toy@1/] })
  t.equal((await events).filter(({ is }) => is === 'warning').length, 1)
})

t.test('two jobs share the nodes', async (t) => {
  const cluster = new Cluster()
  const order: string[] = []
  cluster.add({
    id: 'a',
    room: 2,
    slots: 1,
    work(offered) {
      order.push(offered.job.slice(0, 5))
      return square(offered)
    },
  })
  const coordinator = await cluster.start(t, toyKind(squares), { dir: t.testdir() })
  const large = await coordinator.submit({ kind: 'toy', job: { tasks: 200 }, label: 'large' })
  await until(() => order.length >= 5)
  const small = await coordinator.submit({ kind: 'toy', job: { tasks: 5 }, label: 'small' })
  await ended(coordinator, small)
  t.equal(coordinator.view(large)?.state, 'open', 'the small one did not wait for the large one')
  await ended(coordinator, large)
})

t.test('holders of an address are those whose result named it; of what no task made, this node', async (t) => {
  const cluster = new Cluster()
  const { open, opened } = gate()
  cluster.add({ id: 'a', work: async (offered) => (offered.body.i === 9 ? opened.then(() => square(offered)) : square(offered)) })
  const coordinator = await cluster.start(t, toyKind(squares), { dir: t.testdir() })
  const id = await coordinator.submit({ kind: 'toy', job: { tasks: 10, input: fakeCid(500) } })
  await until(() => coordinator.view(id)?.stages[0]?.done === 9)
  t.same(coordinator.holders(fakeCid(3)), ['a'])
  t.same(coordinator.holders(fakeCid(500)), ['self'])
  t.same(coordinator.holders(fakeCid(999)), ['self'])
  open()
  await ended(coordinator, id)
  t.same(coordinator.holders(fakeCid(3)), ['self'], 'forgotten when the job is over')
})

t.test('a node that holds something of a job that is over, or unknown, is told so', async (t) => {
  const cluster = new Cluster()
  const node = cluster.add({ id: 'a' })
  const coordinator = await cluster.start(t, toyKind(squares), { dir: t.testdir() })
  const id = await coordinator.submit(toy)
  await ended(coordinator, id)
  await until(() => node.closed.length === 1)
  const held = [{ job: 'never-was', task: 's/1', term: 1, attempt: 1, is: 'running' as const }]
  node.tell('node.beat', {}, { free: 1, at: 0, more: false, held, done: [], asks: [id] })
  await until(() => node.closed.length === 3)
  t.same(node.closed.map(({ how }) => how).sort(), ['done', 'done', 'unknown'])
})

t.test('closed jobs can be listed after a restart, the newest first and no more than the bound', async (t) => {
  const cluster = new Cluster()
  cluster.add({ id: 'a' })
  const dir = join(t.testdir(), 'jobs')
  const coordinator = await cluster.start(t, toyKind(squares), { dir, limits: { closedJobs: 2 } })
  const ids: string[] = []
  for (let i = 0; i < 3; i++) {
    cluster.now += 1000
    ids.push(await coordinator.submit({ kind: 'toy', job: { tasks: 2 } }))
    await ended(coordinator, ids.at(-1) ?? '')
  }
  await coordinator.close()
  t.same(
    (await readdir(dir)).sort(),
    ids
      .slice(1)
      .map((id) => `${id}.log`)
      .sort(),
  )
  const again = await restarted(t, cluster, dir)
  t.same(
    again.coordinator.views().map(({ id }) => id),
    [ids[2], ids[1]],
  )
  t.match(again.coordinator.view(ids[2] ?? ''), { state: 'done', root: rootOf({ tasks: 2 }), stages: [{ done: 2 }] })
  t.match(await ended(again.coordinator, ids[2] ?? ''), { state: 'done' }, 'and followed')
})

t.test('close leaves jobs open: the next start goes on with them', async (t) => {
  const cluster = new Cluster()
  const node = cluster.add({ id: 'a', work: () => new Promise<never>(() => {}) })
  const dir = join(t.testdir(), 'jobs')
  const coordinator = await cluster.start(t, toyKind(squares), { dir })
  const id = await coordinator.submit(toy)
  await until(() => node.ran.length > 0)
  const events = watched(coordinator, id)
  await coordinator.close()
  t.notOk(
    (await events).some(({ is }) => is === 'closed'),
    'nobody is told that the job is over',
  )
  cluster.kill(node)
  cluster.add({ id: 'b' })
  const again = await restarted(t, cluster, dir)
  cluster.beat()
  t.match(await endedInTime(cluster, again.coordinator, id), { state: 'done' })
})

t.test('a job that this agent cannot take up is listed, kept, and can be cancelled', async (t) => {
  const cluster = new Cluster()
  const node = cluster.add({ id: 'a', work: () => new Promise<never>(() => {}) })
  const dir = join(t.testdir(), 'jobs')
  const first = await cluster.start(t, toyKind(squares), { dir })
  const id = await first.submit(toy)
  await until(() => node.ran.length > 0)
  const newer = await restarted(t, cluster, dir, { ...toyKind(squares), version: 2 })
  t.match(newer.coordinator.view(id), { state: 'open', warnings: [/cannot be taken up: This node does not run toy@1/] })
  const beats = node.seq
  node.beat()
  await until(() => node.seq > beats)
  t.same(node.closed, [], 'its nodes keep what they have')
  await newer.coordinator.close()
  const same = await restarted(t, cluster, newer.dir)
  t.match(same.coordinator.view(id), { state: 'open', term: 2, warnings: [] }, 'another start may be able to')
  await same.coordinator.close()
  const last = await restarted(t, cluster, newer.dir, { ...toyKind(squares), version: 2 })
  await last.coordinator.cancel(id)
  t.match(last.coordinator.view(id), { state: 'cancelled', error: { code: 'JOB_CANCELLED' } })
  t.equal(last.coordinator.openJobs, 0)
})

t.test('whoever watches sees a snapshot, each turn of an attempt on request, and the end', async (t) => {
  const cluster = new Cluster()
  cluster.add({ id: 'a' })
  const coordinate = async (job: ToyJob, ctx: ToyContext): Promise<Artifact> => {
    ctx.warn('the input looks binary')
    ctx.warn('the input looks binary')
    return squares(job, ctx)
  }
  const coordinator = await cluster.start(t, toyKind(coordinate), { dir: t.testdir() })
  const id = await coordinator.submit({ kind: 'toy', job: { tasks: 1 } })
  const [all, few] = [watched(coordinator, id), watched(coordinator, id, false)]
  const events = await all
  t.match(events[0], { is: 'job', job: { state: 'open' } })
  t.match(events.at(-1), { is: 'closed', job: { state: 'done', warnings: ['the input looks binary'] } })
  t.same(
    events.flatMap((event) => (event.is === 'task' ? [event.state] : [])),
    ['offered', 'running', 'done'],
  )
  t.notOk((await few).some(({ is }) => is === 'task'))
})

/** With time going on: for what waits for the end of an adoption, or of a pause. */
async function endedInTime(cluster: Cluster, coordinator: Coordinator, id: string): Promise<JobView | undefined> {
  await until(() => {
    cluster.now += 1
    return coordinator.view(id)?.state !== 'open'
  })
  return coordinator.view(id)
}

async function watched(coordinator: Coordinator, id: string, tasks = true): Promise<JobEvent[]> {
  const events: JobEvent[] = []
  for await (const event of coordinator.follow(id, { tasks })) events.push(event)
  return events
}
