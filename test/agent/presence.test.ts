import t, { type Test } from 'tap'
import { createPresence } from '../../agent/presence.ts'
import { silent } from '../../src/core/log.ts'
import { issueCertificate } from '../../src/core/trust/certificate.ts'
import { createOpener } from '../../src/core/wire/envelope.ts'
import type { Message, NodePresence } from '../../src/core/wire/message.ts'
import { presenceFilter } from '../../src/core/wire/topic.ts'
import { openAir } from '../fakes/air.ts'
import { holdTime } from '../fakes/time.ts'

/** The presence of a node that is not connected yet, and a member who listens. */
async function open(t: Test) {
  const time = holdTime(t)
  const air = await openAir(t, time)
  const { domain, root, network } = air
  const certificate = issueCertificate({ domain, root, node: air.identity, roles: ['node'], wall: time.wall() })
  const broker = network.broker(`${air.self}-new`)
  t.teardown(() => broker.close())
  let jobs = 0
  const certificates: Uint8Array[] = []
  const describe = (): NodePresence => ({
    certificate: certificates[0] ?? certificate,
    name: 'ada',
    state: 'up',
    addresses: ['http://127.0.0.1:1'],
    slots: 2,
    room: 6,
    kinds: ['mr@1'],
    labels: [],
    engines: [],
    memory: 1,
    version: '0',
    jobs: jobs++,
  })
  const presence = createPresence({
    domain: domain.id,
    self: air.self,
    certificate: () => certificates[0] ?? certificate,
    broker,
    sealer: air.sealer,
    describe,
    log: silent,
  })
  t.teardown(() => presence.stop(AbortSignal.abort()))

  const listen = async (name: string) => {
    const heard: Message[] = []
    const waiters = new Set<() => void>()
    const opener = createOpener({ domain, self: name, boot: 1, wall: time.wall, keyOf: () => undefined })
    const ears = network.broker(name)
    t.teardown(() => ears.close())
    await ears.presence()
    await ears.subscribe(presenceFilter(domain.id), (topic, bytes) => {
      heard.push(opener.open(topic, bytes))
      for (const wake of waiters) wake()
    })
    const until = async (count: number) => {
      while (heard.length < count) {
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiters.delete(wake)
            resolve()
          }
          waiters.add(wake)
        })
      }
      return heard
    }
    return { heard, until }
  }
  const renew = () => {
    certificates.push(issueCertificate({ domain, root, node: air.identity, roles: ['node'], wall: time.wall() }))
    return certificates[0]
  }
  return { ...air, time, presence, listen, renew, id: `${air.self}-new` }
}

t.test('it is announced as soon as there is a connection, to those who come later too', async (t) => {
  const { presence, listen } = await open(t)
  const early = await listen('early')
  await presence.start()
  t.match(await early.until(1), [{ type: 'node.presence', dst: '*', body: { name: 'ada', addresses: ['http://127.0.0.1:1'], jobs: 0 } }])
  const late = await listen('late')
  t.match(await late.until(1), [{ type: 'node.presence', body: { jobs: 0 } }], 'retained')
})

t.test('a broker that comes back empty hears of it again', async (t) => {
  const { presence, listen, network } = await open(t)
  const ears = await listen('ears')
  await presence.start()
  await ears.until(1)
  network.stop()
  network.start()
  const heard = await ears.until(2)
  t.match(heard.at(-1), { type: 'node.presence', body: { jobs: 1 } })
  const late = await listen('late')
  t.match(await late.until(1), [{ type: 'node.presence' }])
})

t.test('a connection that dies leaves the will: the broker says that the node may be gone', async (t) => {
  const { presence, listen, network, id } = await open(t)
  const ears = await listen('ears')
  await presence.start()
  await ears.until(1)
  network.cut(id)
  t.match((await ears.until(2))[1], { type: 'node.gone', body: { closed: false } })
  t.match((await ears.until(3))[2], { type: 'node.presence' }, 'and it is back')
})

t.test('it is told again every five minutes and at each change, with what holds then', async (t) => {
  const { presence, listen, time } = await open(t)
  const ears = await listen('ears')
  await presence.start()
  await ears.until(1)
  await time.pass(299_999)
  t.equal(ears.heard.length, 1)
  await time.pass(1)
  t.match(await ears.until(2), [{}, { body: { jobs: 1 } }])
  await presence.announce()
  t.match(await ears.until(3), [{}, {}, { body: { jobs: 2 } }])
})

t.test('a new certificate is told at once, and stands in the will of the next connection', async (t) => {
  const { presence, listen, renew, network, id } = await open(t)
  const ears = await listen('ears')
  await presence.start()
  const [first] = await ears.until(1)
  const renewed = renew()
  t.notSame(first?.body, { certificate: renewed })
  await presence.renewed()
  t.match(await ears.until(2), [{}, { type: 'node.presence', body: { certificate: renewed } }])
  network.cut(id)
  await ears.until(4)
  network.cut(id)
  const heard = await ears.until(5)
  t.match(heard.filter(({ type }) => type === 'node.gone').at(-1), { body: { certificate: renewed, closed: false } })
})

t.test('its last word says that it went in good order, is retained, and no will comes after it', async (t) => {
  const { presence, listen, time } = await open(t)
  const ears = await listen('ears')
  await presence.start()
  await ears.until(1)
  await presence.stop(new AbortController().signal)
  t.match(await ears.until(2), [{}, { type: 'node.gone', body: { closed: true } }])
  await time.pass(600_000)
  t.equal(ears.heard.length, 2, 'and nothing more')
  const late = await listen('late')
  t.match(await late.until(1), [{ type: 'node.gone', body: { closed: true } }])
})

t.test('without a broker the last word is given up when its time is over', async (t) => {
  const { presence, network } = await open(t)
  await presence.start()
  network.stop()
  const patience = new AbortController()
  const stopped = presence.stop(patience.signal)
  patience.abort()
  await stopped
  t.pass('it resolves')
})
