import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { createNeighbours } from '../../agent/neighbours.ts'
import { createMembers, type Node } from '../../src/core/cluster/members.ts'
import { silent } from '../../src/core/log.ts'
import type { Message } from '../../src/core/wire/message.ts'
import { holdTime } from '../fakes/time.ts'

/** A gateway that answers with `boot` as long as it is open, and no sooner than it may. */
async function gateway(t: Test, boot: number, may: Promise<void> = Promise.resolve()) {
  let asked = 0
  const server = createServer(async (request, response) => {
    if (request.url === '/health') asked++
    if (request.url === '/health') await may
    response.end(JSON.stringify({ boot }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  t.teardown(close)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close,
    get asked() {
      return asked
    },
  }
}

function open(t: Test) {
  const time = holdTime(t)
  const members = createMembers()
  const changes: { state: string; isNew: boolean }[] = []
  const waiters = new Set<() => void>()
  const neighbours = createNeighbours({
    members,
    self: 'self',
    clock: time,
    log: silent,
    changed({ state }: Node, isNew: boolean) {
      changes.push({ state, isNew })
      for (const wake of waiters) wake()
    },
  })
  t.teardown(() => neighbours.stop())
  const message = { dst: '*', job: undefined, term: undefined, iat: 0, exp: 0 }
  const certificate = new Uint8Array()
  return {
    time,
    members,
    neighbours,
    changes,
    states: () => changes.map(({ state }) => state),
    async until(count: number) {
      while (changes.length < count) {
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiters.delete(wake)
            resolve()
          }
          waiters.add(wake)
        })
      }
    },
    presence: (addresses: string[], { src = 'node', boot = 1, seq = 2, state = 'up' as 'up' | 'draining' } = {}) =>
      neighbours.hear({
        ...message,
        type: 'node.presence',
        src,
        boot,
        seq,
        body: { certificate, name: src, state, addresses, slots: 1, room: 3, kinds: [], labels: [], engines: [], memory: 1, version: '0', jobs: 0 },
      } satisfies Message),
    gone: (closed: boolean, { src = 'node', boot = 1, seq = 1 } = {}) =>
      neighbours.hear({ ...message, type: 'node.gone', src, boot, seq, body: { certificate, closed } } satisfies Message),
    beat: (boot = 1) =>
      neighbours.hear({
        ...message,
        dst: 'self',
        type: 'node.beat',
        src: 'node',
        boot,
        seq: 9,
        body: { free: 1, at: 0, more: false, held: [], done: [], asks: [] },
      } satisfies Message),
  }
}

t.test('a start that was not heard of before is told as new, whatever else changes is not', (t) => {
  const { presence, changes } = open(t)
  presence([])
  presence([], { seq: 3, state: 'draining' })
  presence([], { seq: 2 })
  presence([], { boot: 2, seq: 1 })
  t.same(changes, [
    { state: 'up', isNew: true },
    { state: 'draining', isNew: false },
    { state: 'up', isNew: true },
  ])
  t.end()
})

t.test('after a will the node is asked: it answers, and is back', async (t) => {
  const { presence, gone, states, until } = open(t)
  const { url } = await gateway(t, 1)
  presence([url])
  gone(false)
  await until(3)
  t.same(states(), ['up', 'suspect', 'up'])
})

t.test('after a will the node is asked: nobody listens there, and it is gone', async (t) => {
  const { presence, gone, states, until } = open(t)
  const { url, close } = await gateway(t, 1)
  await close()
  presence([url])
  gone(false)
  await until(3)
  t.same(states(), ['up', 'suspect', 'gone'])
})

t.test('after a will another start answers: the one that was known is gone', async (t) => {
  const { presence, gone, states, until } = open(t)
  const { url } = await gateway(t, 2)
  presence([url])
  gone(false)
  await until(3)
  t.same(states(), ['up', 'suspect', 'gone'])
})

t.test('a node without any answer is asked every 2 s, and gone after 12 s', async (t) => {
  const { presence, gone, states, time, until } = open(t)
  // Who has no address answers nothing.
  presence([])
  gone(false)
  await time.pass(11_999)
  t.same(states(), ['up', 'suspect'])
  await time.pass(1)
  await until(3)
  t.same(states(), ['up', 'suspect', 'gone'])
})

t.test('a node that comes back while it is asked is up, and is asked no more', async (t) => {
  const { presence, gone, states, time } = open(t)
  presence([])
  gone(false)
  await time.pass(3_000)
  presence([], { seq: 5 })
  await time.pass(30_000)
  t.same(states(), ['up', 'suspect', 'up'])
})

t.test('several wills ask once', async (t) => {
  const { presence, gone, until } = open(t)
  const { promise, resolve } = Promise.withResolvers<void>()
  const node = await gateway(t, 1, promise)
  presence([node.url])
  for (let i = 0; i < 5; i++) gone(false)
  // What was asked before this has come before it.
  await fetch(node.url)
  t.equal(node.asked, 1)
  resolve()
  await until(3)
  t.equal(node.asked, 1)
})

t.test('who says good-bye is gone, and nobody asks', async (t) => {
  const { presence, gone, states } = open(t)
  const node = await gateway(t, 1)
  presence([node.url])
  gone(true, { seq: 3 })
  await fetch(node.url)
  t.same(states(), ['up', 'gone'])
  t.equal(node.asked, 0)
})

t.test('a node never asks itself, and a broken address of another harms nobody', async (t) => {
  const { presence, gone, states, members } = open(t)
  const self = await gateway(t, 1)
  presence([self.url], { src: 'self' })
  gone(false, { src: 'self' })
  presence(['nonsense', 'https://elsewhere'])
  gone(false)
  await fetch(self.url)
  t.equal(self.asked, 0)
  t.same(states(), ['up', 'suspect', 'up', 'suspect'])
  t.equal(members.get('node')?.state, 'suspect', 'silence: the lease decides')
})

t.test('a node that nothing was heard of for 11 minutes is asked; a beat is a word', async (t) => {
  const { neighbours, presence, beat, states, time, until } = open(t)
  const { url, close } = await gateway(t, 1)
  await close()
  presence([url])
  neighbours.start()
  await time.pass(600_000)
  beat()
  await time.pass(600_000)
  t.same(states(), ['up'])
  await time.pass(90_000)
  await until(3)
  t.same(states(), ['up', 'suspect', 'gone'])
})

t.test('stopped, it asks nobody any more', async (t) => {
  const { neighbours, presence, gone, states, time } = open(t)
  neighbours.start()
  presence([])
  gone(false)
  neighbours.stop()
  await time.pass(3_600_000)
  t.same(states(), ['up', 'suspect'])
})
