import t, { type Test } from 'tap'
import { enrol, openMembership } from '../../agent/membership.ts'
import { createReading } from '../../agent/reading.ts'
import type { Members } from '../../src/core/cluster/members.ts'
import { createMembers } from '../../src/core/cluster/members.ts'
import { silent } from '../../src/core/log.ts'
import type { Clock } from '../../src/core/ports.ts'
import { createGateway } from '../../src/core/transfer/gateway.ts'
import { foundDomain } from '../../src/core/trust/domain.ts'
import { checkRequest } from '../../src/core/trust/request.ts'
import { openStore } from '../core/transfer/nodes.ts'
import { bytes, folder } from './rooms.ts'

const clock: Clock = { now: () => performance.now(), wall: () => Date.now() }

/** Nodes of one domain, each with store, gateway and reading as an agent has them. */
async function domainOf(t: Test) {
  const made = foundDomain('lab')
  const node = async () => {
    const home = await folder(t)
    await enrol(home, made, clock.wall())
    const membership = await openMembership(home, clock.wall())
    const self = membership.identity.id
    const store = await openStore(t)
    const members = createMembers()
    /** By address, the nodes that this one's own jobs know to hold it. */
    const known = new Map<string, string[]>()
    const asked: string[] = []
    const reading = createReading({ store, members, membership, clock, log: silent, held: (cid) => known.get(cid) ?? [self] })
    const gateway = await createGateway({
      store,
      host: '127.0.0.1',
      port: 0,
      open: 'none',
      health: { node: self, boot: 1 },
      check(headers, method, path) {
        const node = checkRequest(headers, { method, path, self, domain: made.domain, wall: clock.wall() })
        asked.push(`${path.split('/')[1]} of ${node}`)
        return node
      },
      holders: reading.holders,
      log: silent,
    })
    t.teardown(() => gateway.close())
    return { self, store, members, membership, known, asked, reading, url: gateway.url }
  }
  const meet = (...nodes: Awaited<ReturnType<typeof node>>[]) => {
    for (const { members } of nodes) for (const other of nodes) show(members, other)
  }
  return { node, meet }
}

function show(members: Members, { self, url, membership }: { self: string; url: string; membership: { readonly certificate: Uint8Array } }, seq = 1): void {
  const { certificate } = membership
  const presence = {
    certificate,
    name: 'n',
    state: 'up' as const,
    addresses: [url],
    slots: 1,
    room: 1,
    kinds: [],
    labels: [],
    engines: [],
    memory: 1,
    version: '0',
    jobs: 0,
  }
  members.next({ is: 'presence', src: self, boot: 1, seq, presence }, 0)
}

const gone = (members: Members, { self }: { self: string }) => members.next({ is: 'gone', src: self, boot: 1, seq: 2, closed: true }, 0)

async function text(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

t.test('what a node has not is asked of the job’s coordinator, and fetched from whom it names, by signed requests', async (t) => {
  const { node, meet } = await domainOf(t)
  const [me, coordinator, holder] = [await node(), await node(), await node()]
  meet(me, coordinator, holder)
  const { cid } = await holder.store.addFile(bytes('hello'), { pin: 'p' })
  coordinator.known.set(cid, [holder.self])
  const fetcher = me.reading.fetcher(coordinator.self)
  t.equal(await text(fetcher.reader.cat(cid)), 'hello')
  t.same(coordinator.asked, [`holders of ${me.self}`])
  t.same(new Set(holder.asked), new Set([`ipfs of ${me.self}`]))
  t.equal(me.reading.fetchedBytes, 5)
  t.equal(await text(fetcher.reader.cat(cid)), 'hello')
  t.equal(me.reading.fetchedBytes, 5, 'once')
  t.equal(me.reading.fetcher(coordinator.self), fetcher, 'one for each coordinator')
})

t.test('for its own jobs it asks its own coordinator, and never itself', async (t) => {
  const { node, meet } = await domainOf(t)
  const [me, holder] = [await node(), await node()]
  meet(me, holder)
  const { cid } = await holder.store.addFile(bytes('hello'), { pin: 'p' })
  me.known.set(cid, [holder.self, me.self])
  t.equal(await text(me.reading.fetcher(me.self).reader.cat(cid)), 'hello')
  t.same(me.asked, [])
})

t.test('a holder that is gone, or suspect, is not asked', async (t) => {
  const { node, meet } = await domainOf(t)
  const [me, holder] = [await node(), await node()]
  meet(me, holder)
  const { cid } = await holder.store.addFile(bytes('hello'), { pin: 'p' })
  me.known.set(cid, [holder.self])
  me.members.next({ is: 'gone', src: holder.self, boot: 1, seq: 1, closed: false }, 0)
  await t.rejects(text(me.reading.fetcher(me.self).reader.cat(cid)), { code: 'INPUT_LOST', cid })
  gone(me.members, holder)
  await t.rejects(text(me.reading.fetcher(me.self).reader.cat(cid)), { code: 'INPUT_LOST', cid })
  t.same(holder.asked, [])
  show(me.members, holder, 3)
  t.equal(await text(me.reading.fetcher(me.self).reader.cat(cid)), 'hello')
})

t.test('others are told of this node too; of what no job of it names it knows nothing', async (t) => {
  const { node, meet } = await domainOf(t)
  const [me, other] = [await node(), await node()]
  meet(me, other)
  const { cid } = await me.store.addFile(bytes('hello'), { pin: 'p' })
  t.same(await me.reading.holders(cid), [{ node: me.self, url: me.url }])
  const absent = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
  t.equal(await me.reading.holders(absent), undefined)
  me.known.set(absent, [other.self])
  t.same(await me.reading.holders(absent), [{ node: other.self, url: other.url }])
  gone(me.members, other)
  t.same(await me.reading.holders(absent), [], 'it is known, and nobody is there')
})

t.test('a coordinator without an address cannot be asked', async (t) => {
  const { node } = await domainOf(t)
  const me = await node()
  const { cid } = await (await node()).store.addFile(bytes('hello'))
  await t.rejects(text(me.reading.fetcher('nobody').reader.cat(cid)), { code: 'UNREACHABLE' })
})

t.test('of many coordinators the last are kept, and what was fetched for the others still counts', async (t) => {
  const { node, meet } = await domainOf(t)
  const [me, coordinator] = [await node(), await node()]
  meet(me, coordinator)
  const { cid } = await coordinator.store.addFile(bytes('hello'), { pin: 'p' })
  coordinator.known.set(cid, [coordinator.self])
  const first = me.reading.fetcher(coordinator.self)
  await text(first.reader.cat(cid))
  for (let i = 0; i < 64; i++) me.reading.fetcher(`coordinator-${i}`)
  t.not(me.reading.fetcher(coordinator.self), first)
  t.equal(me.reading.fetchedBytes, 5)
})
