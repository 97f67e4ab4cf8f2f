import t, { type Test } from 'tap'
import { createAir } from '../../agent/air.ts'
import { silent } from '../../src/core/log.ts'
import { issueCertificate } from '../../src/core/trust/certificate.ts'
import { createOpener, createSealer } from '../../src/core/wire/envelope.ts'
import type { Message } from '../../src/core/wire/message.ts'
import { eventsTopic, inboxTopic, presenceTopic } from '../../src/core/wire/topic.ts'
import { openAir } from '../fakes/air.ts'
import { turn } from '../fakes/time.ts'

const clock = { now: () => performance.now(), wall: () => Date.now() }

/** The air of one node, and another that speaks to it once its presence was heard. */
async function open(t: Test) {
  const { network, domain, root, identity, broker, self } = await openAir(t, clock)
  const ears = network.broker(`${self}-ears`)
  t.teardown(() => ears.close())
  await ears.presence()
  const heard: Message[] = []
  const known = new Set<string>()
  const opener = createOpener({ domain, self: 'ears', boot: 1, wall: clock.wall, keyOf: (node) => (known.has(node) ? identity.publicKey : undefined) })
  const air = createAir({
    domain: domain.id,
    self: 'ears',
    broker: ears,
    opener,
    async hear(message) {
      heard.push(message)
      if (message.type === 'node.presence') known.add(message.src)
    },
    log: silent,
  })
  const certificate = issueCertificate({ domain, root, node: identity, roles: ['node'], wall: clock.wall() })
  const sealer = createSealer({ domain, identity, boot: 1, wall: clock.wall, bootOf: () => 1 })
  const presence = {
    certificate,
    name: 'a',
    state: 'up' as const,
    addresses: [],
    slots: 1,
    room: 1,
    kinds: [],
    labels: [],
    engines: [],
    memory: 1,
    version: '0',
    jobs: 0,
  }
  const publish = (topic: string, bytes: Uint8Array, retain = false) => broker.publish(topic, bytes, { retain })
  const settle = async () => {
    for (let i = 0; i < 5; i++) await turn()
  }
  return {
    air,
    heard,
    opener,
    settle,
    types: () => heard.map(({ type }) => type),
    show: () => publish(presenceTopic(domain.id, self), sealer.seal('node.presence', { dst: '*', body: presence }), true),
    tell: () => publish(inboxTopic(domain.id, 'ears'), sealer.seal('job.close', { dst: 'ears', job: 'job-1', body: { how: 'done' } })),
    progress: (job: string) =>
      publish(
        eventsTopic(domain.id, job),
        sealer.seal('task.progress', { dst: '*', job, term: 1, body: { tasks: [{ task: 'map/1', attempt: 1, fraction: 0.5 }] } }),
      ),
    noise: () => publish(inboxTopic(domain.id, 'ears'), Buffer.from('noise')),
  }
}

t.test('presence that was there before is heard first, so that what its sender says is believed', async (t) => {
  const { air, show, tell, settle, types, opener } = await open(t)
  await show()
  await air.start()
  await tell()
  await settle()
  t.same(types(), ['node.presence', 'job.close'])
  t.same(opener.refused, {})
})

t.test('what cannot be opened is counted and heard by nobody, and what comes after it is heard', async (t) => {
  const { air, show, tell, noise, settle, types, opener } = await open(t)
  await air.start()
  await noise()
  await tell()
  await show()
  await settle()
  await tell()
  await settle()
  t.same(types(), ['node.presence', 'job.close'])
  t.same(opener.refused, { 'bad-cbor': 1, 'unknown-sender': 1 })
})

t.test('progress is heard of jobs that are followed, while they are', async (t) => {
  const { air, show, progress, settle, heard } = await open(t)
  await air.start()
  await show()
  const followed = () => heard.flatMap(({ type, job }) => (type === 'task.progress' ? [job] : []))
  await progress('job-1')
  await settle()
  t.same(followed(), [])
  await air.follow('job-1', 'open')
  await progress('job-1')
  await progress('job-2')
  await settle()
  t.same(followed(), ['job-1'])
  await air.follow('job-1', 'closed')
  await progress('job-1')
  await settle()
  t.same(followed(), ['job-1'])
  await air.follow('job-1', 'closed')
  await air.follow('job-1', 'open')
  await progress('job-1')
  await settle()
  t.same(followed(), ['job-1', 'job-1'], 'and again')
})
