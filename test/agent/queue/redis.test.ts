import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { delimiter, join } from 'node:path'
import t, { type Test } from 'tap'
import { openRedisQueue, redacted } from '../../../agent/queue/redis.ts'
import { silent } from '../../../src/core/log.ts'
import type { Queue, QueueChange } from '../../../src/core/ports.ts'
import { conformance } from '../../conformance/queue.ts'
import { freePort } from '../../services/port.ts'
import { type Redis, startRedis } from '../../services/redis.ts'
import { needs } from '../../services.ts'
import { killedHolder } from './killed.ts'

for (const name of ['redis-server', 'valkey-server'] as const) {
  t.test(name, async (t) => {
    const program = name === 'redis-server' ? needs(t, name) : onPath(name)
    if (program === undefined) {
      if (name === 'valkey-server') t.plan(0, 'valkey-server is not installed')
      return
    }
    const server = await startRedis(t, { program })
    let nodes = 0
    await t.test('the port', (t) => {
      conformance(t, {
        open: async (_t, limit) => openRedisQueue({ url: server.url, node: `node-${nodes++}`, limit, log: silent }),
        async place() {
          const node = `node-${nodes++}`
          return { open: (limit) => openRedisQueue({ url: server.url, node, limit, log: silent }) }
        },
      })
      t.end()
    })

    await t.test('what a killed process held waits again, what ran comes first', async (t) => {
      const node = `node-${nodes++}`
      await killedHolder({ use: 'redis', url: server.url, node })
      const queue = await openRedisQueue({ url: server.url, node, limit: 10, log: silent })
      t.same(
        await queue.held(),
        [...'abcd'].map((id) => ({ id, is: 'waiting' })),
      )
      const begun: string[] = []
      const all = new Promise<void>((resolve) =>
        queue.take(async ({ id, data }) => {
          t.equal(new TextDecoder().decode(data), `bytes of ${id}`)
          if (begun.push(id) === 4) resolve()
        }, 1),
      )
      await queue.resume()
      await all
      t.same(begun, [...'abcd'])
      await queue.close()
    })
  })
}

t.test('without a server it does not open, and says so without the password', async (t) => {
  const port = await freePort()
  const opening = openRedisQueue({ url: `redis://ada:secret@127.0.0.1:${port}/1`, node: 'node-0', limit: 1, log: silent })
  const error = await opening.then(
    () => undefined,
    (error: Error) => error,
  )
  t.match(error, { code: 'NO_QUEUE', message: `redis://127.0.0.1:${port}/1` })
  t.notMatch(`${error?.message} ${error?.stack}`, /secret/)
  t.equal(redacted('rediss://ada:secret@example.org'), 'rediss://example.org')
})

t.test('a server that goes takes the queue down, and brings it up again when it comes back', async (t) => {
  const server = await startServer(t, ['--appendonly', 'yes', '--appendfsync', 'always'])
  if (server === undefined) return
  const queue = await open(t, server)
  const { changes, until } = follow(queue)
  const running = Promise.withResolvers<void>()
  const begun: string[] = []
  const last = Promise.withResolvers<void>()
  queue.take(async ({ id }) => {
    begun.push(id)
    if (id === 'a') await running.promise
    if (id === 'd') last.resolve()
  }, 1)
  for (const id of ['a', 'b', 'c']) await queue.add(item(id))
  await server.kill9()
  await until('down')
  await t.rejects(queue.add(item('x')), { code: 'NO_QUEUE' })
  t.match(queue.status, { is: 'down', error: { code: 'NO_QUEUE' } })
  running.resolve()
  t.equal(await queue.remove('b'), true)
  t.match(queue.size, { waiting: 1 }, 'what waits is still there')
  await server.start()
  await until('up')
  t.equal(await queue.add(item('d')), 'accepted')
  await last.promise
  t.same(begun, ['a', 'c', 'd'], 'what had ended and what was taken back did not come again')
  t.notOk(changes.some(({ is }) => is === 'lost'))
})

t.test('a server that comes back empty has lost what waited: it is told, and what comes then is run', async (t) => {
  const server = await startServer(t)
  if (server === undefined) return
  const queue = await open(t, server)
  const { changes, until } = follow(queue)
  const running = Promise.withResolvers<void>()
  const last = Promise.withResolvers<void>()
  queue.take(async ({ id }) => {
    if (id === 'a') await running.promise
    else last.resolve()
  }, 1)
  for (const id of ['a', 'b', 'c']) await queue.add(item(id))
  await server.kill9()
  await until('down')
  await server.start()
  await until('up')
  t.match(
    changes.find(({ is }) => is === 'lost'),
    { ids: ['b', 'c'] },
  )
  t.match(queue.size, { waiting: 0, running: 1 })
  running.resolve()
  await queue.add(item('d'))
  await last.promise
  t.equal(queue.status.is, 'up')
})

t.test('a server that hangs is not waited for; what it did all the same is taken back when it answers again', async (t) => {
  const server = await startServer(t)
  if (server === undefined) return
  const queue = await openRedisQueue({ url: server.url, node: 'node-0', limit: 10, commandMs: 300, log: silent })
  t.teardown(() => queue.close())
  const { until } = follow(queue)
  await queue.add(item('a'))
  process.kill(server.pid, 'SIGSTOP')
  await t.rejects(queue.add(item('late')), { code: 'NO_QUEUE' })
  process.kill(server.pid, 'SIGCONT')
  await until('up')
  const begun: string[] = []
  const last = Promise.withResolvers<void>()
  queue.take(async ({ id }) => {
    begun.push(id)
    if (id === 'b') last.resolve()
  }, 1)
  await queue.add(item('b'))
  await last.promise
  t.same(begun, ['a', 'b'])
})

t.test('the password may stand in a file, and the server is asked for its policy', async (t) => {
  const server = await startServer(t, ['--requirepass', 'secret', '--maxmemory-policy', 'allkeys-lru'])
  if (server === undefined) return
  await t.rejects(openRedisQueue({ url: server.url, node: 'node-0', limit: 1, log: silent }), { code: 'NO_QUEUE', message: /NOAUTH|auth/i })
  const passwordFile = join(t.testdir(), 'password')
  writeFileSync(passwordFile, 'secret\n')
  const said: unknown[] = []
  const log = { ...silent, warn: (fields: object, message: string) => void said.push({ ...fields, message }), child: () => log }
  const queue = await openRedisQueue({ url: server.url, passwordFile, node: 'node-0', limit: 1, log })
  t.match(said, [{ policy: 'allkeys-lru', message: /noeviction/ }])
  t.same(await queue.info(), { use: 'redis', url: server.url })
  await queue.close()
  await t.rejects(openRedisQueue({ url: server.url, passwordFile: `${passwordFile}.none`, node: 'node-0', limit: 1, log: silent }), { code: 'BAD_CONFIG' })
})

t.test('a database that the server does not have, and an address that cannot be read, are told, and not used as another', async (t) => {
  const server = await startServer(t)
  if (server === undefined) return
  const opening = (url: string) => openRedisQueue({ url, node: 'node-0', limit: 1, log: silent })
  await t.rejects(opening(`${server.url}/99`), { code: 'BAD_CONFIG', message: /no database 99/, hint: /queue\.url/ })
  await t.rejects(opening(`${server.url}/tasks`), { code: 'BAD_CONFIG', message: /"\/tasks"/ })
  const error = await opening(server.url.replace('//', '//ada:top%zz@')).catch((error: Error) => error)
  t.match(error, { code: 'BAD_CONFIG', hint: /%25/ })
  t.notMatch(String(error instanceof Error && error.stack), /top|zz/)
  const queue = await opening(`${server.url}/3`)
  await queue.close()
})

t.test('why a server cannot be used stays what is said, though its connection closes after that', async (t) => {
  const program = needs(t, 'redis-server')
  if (program === undefined) return
  const passwordFile = join(t.testdir(), 'password')
  writeFileSync(passwordFile, 'wrong\n')
  const conf = ['--save', '', '--requirepass', 'secret']
  const server = await startRedis(t, { program, conf })
  await t.rejects(openRedisQueue({ url: server.url, passwordFile, node: 'node-0', limit: 1, log: silent }), { code: 'NO_QUEUE', message: /WRONGPASS/ })
  writeFileSync(passwordFile, 'secret\n')
  const queue = await openRedisQueue({ url: server.url, passwordFile, node: 'node-0', limit: 10, log: silent })
  t.teardown(() => queue.close())
  const { until } = follow(queue)
  await server.kill9()
  await until('down')
  // As one whose password was changed.
  const other = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => void socket.write('-WRONGPASS invalid password\r\n'.repeat(bytes.toString().split('*').length - 1)))
  })
  t.teardown(() => void other.close())
  other.listen(server.port, '127.0.0.1')
  const [first] = (await once(other, 'connection')) as [Socket]
  await once(first, 'close')
  await once(other, 'connection')
  t.match(queue.status, { is: 'down', error: { code: 'NO_QUEUE', message: /WRONGPASS/ } })
})

const item = (id: string) => ({ id, data: new TextEncoder().encode(id) })

async function startServer(t: Test, more: readonly string[] = []): Promise<Redis | undefined> {
  const program = needs(t, 'redis-server')
  return program === undefined ? undefined : startRedis(t, { program, conf: ['--save', '', ...more] })
}

async function open(t: Test, server: Redis) {
  const queue = await openRedisQueue({ url: server.url, node: 'node-0', limit: 10, log: silent })
  t.teardown(() => queue.close())
  return queue
}

function follow(queue: Queue) {
  const changes: QueueChange[] = []
  const waiters = new Set<() => void>()
  queue.onChange((change) => {
    changes.push(change)
    for (const wake of waiters) wake()
  })
  return {
    changes,
    async until(is: QueueChange['is']): Promise<void> {
      while (!changes.some((change) => change.is === is)) await new Promise<void>((resolve) => waiters.add(resolve))
    },
  }
}

function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}
