/**
 * One measure of `npm run bench:queue`, alone in its process: `queue-load.js '{"load":"c8",…}'` prints one line of JSON. What comes
 * before the load, such as imports and a first round of jobs, is not counted; closing is.
 */
import { readFileSync } from 'node:fs'
import { cpuSecondsOf } from './measure.ts'

export type Load = 'add' | 'bulk' | 'c1' | 'c8' | 'ids' | 'backlog' | 'emptied' | 'open'

export interface Order {
  readonly load: Load
  readonly jobs: number
  readonly store:
    | { readonly is: 'sqlite'; readonly path: string; readonly durability: 'normal' | 'full' }
    | { readonly is: 'redis'; readonly port: number; readonly pid: number }
}

export interface Answer {
  /** Of this process, and of the server where there is one. */
  readonly cpuSeconds: number
  readonly seconds: number
  /** From /proc/PID/io of whoever has the file: pages that went dirty for a disk, and bytes given to the kernel (of a server, its answers too). */
  readonly diskBytes: number
  readonly givenBytes: number
  /** After the load. */
  readonly memory: Memory
}

export interface Memory {
  readonly rss: number
  readonly anonymous: number
}

/** Ids that were given. */
let made = 0

const order = JSON.parse(process.argv[2] ?? '{}') as Order
process.stdout.write(`${JSON.stringify(await measure(order))}\n`)

async function measure({ load, jobs, store }: Order): Promise<Answer> {
  const { withBackend, createRedisBackend } = await import('bullmq')
  const { createSqliteBackend } = await import('../agent/queue/sqlite/backend.ts')
  const sqlite = store.is === 'sqlite' ? createSqliteBackend({ path: store.path, durability: store.durability }) : undefined
  const connection = store.is === 'redis' ? { host: '127.0.0.1', port: store.port, maxRetriesPerRequest: null } : {}
  const width = load === 'c8' || load === 'ids' ? 8 : 1
  const { Queue, Worker } = withBackend((sqlite ?? createRedisBackend) as typeof createRedisBackend)
  const queue = new Queue('bench', { connection })
  const worker = new Worker('bench', async () => null, {
    connection,
    autorun: false,
    concurrency: width,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  })
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()])

  if (load !== 'open') await warm()
  const before = sample()
  await run(jobs)
  if (load === 'emptied') await queue.drain()
  const held = memory()
  await worker.close()
  await queue.close()
  await sqlite?.close()
  const after = sample()
  return {
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    seconds: (after.at - before.at) / 1000,
    diskBytes: after.diskBytes - before.diskBytes,
    givenBytes: after.givenBytes - before.givenBytes,
    memory: held,
  }

  /** The compiler, the caches and the file are as they are in the middle of a day. */
  async function warm(): Promise<void> {
    await run(1000)
    await queue.drain()
  }

  async function run(count: number): Promise<void> {
    switch (load) {
      case 'add':
        for (let i = 0; i < count; i++) await queue.add('job', payload(250))
        return
      case 'bulk':
      case 'backlog':
      case 'emptied':
        for (let i = 0; i < count; i += 200)
          await queue.addBulk(Array.from({ length: 200 }, () => ({ name: 'job', data: payload(load === 'bulk' ? 250 : 1024) })))
        return
      case 'c1':
      case 'c8':
      case 'ids':
        return work(count)
      case 'open':
        return
    }
  }

  /** As many adds in flight as jobs may run. */
  async function work(count: number): Promise<void> {
    const done = Promise.withResolvers<void>()
    let left = count
    const completed = () => {
      if (--left === 0) done.resolve()
    }
    worker.on('completed', completed)
    if (!worker.isRunning()) worker.run().catch((error: Error) => done.reject(error))
    let toAdd = count
    const adding = async () => {
      while (toAdd-- > 0) await queue.add('job', payload(250), load === 'ids' ? { jobId: `_mr-7f31a0/map/${++made}#1.1` } : {})
    }
    await Promise.all([...Array.from({ length: width }, adding), done.promise])
    worker.off('completed', completed)
  }

  function sample() {
    const { user, system } = process.cpuUsage()
    const server = store.is === 'redis' ? cpuSecondsOf(store.pid) : 0
    return { at: performance.now(), cpuSeconds: (user + system) / 1e6 + server, ...io(store) }
  }
}

/** Its JSON has that many bytes. */
function payload(bytes: number): { text: string } {
  return { text: 'x'.repeat(bytes - '{"text":""}'.length) }
}

/** Of this process, or of the server that writes for it. */
function io(store: Order['store']): { diskBytes: number; givenBytes: number } {
  const text = readFileSync(`/proc/${store.is === 'redis' ? store.pid : 'self'}/io`, 'latin1')
  const field = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1])
  return { diskBytes: field('write_bytes'), givenBytes: field('wchar') }
}

/** After a full collection, where the process may ask for one. */
function memory(): Memory {
  global.gc?.()
  global.gc?.()
  const text = readFileSync('/proc/self/status', 'latin1')
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * 1024
  return { rss: field('VmRSS'), anonymous: field('RssAnon') }
}
