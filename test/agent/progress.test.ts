import t from 'tap'
import { createTable } from '../../agent/held.ts'
import { createProgress } from '../../agent/progress.ts'
import { silent } from '../../src/core/log.ts'
import { foundDomain } from '../../src/core/trust/domain.ts'
import { createIdentity } from '../../src/core/trust/identity.ts'
import { createOpener, createSealer } from '../../src/core/wire/envelope.ts'
import { createMemoryNetwork } from '../../src/core/wire/memory.ts'
import type { Message } from '../../src/core/wire/message.ts'
import { eventsTopic } from '../../src/core/wire/topic.ts'

t.test('the latest word of each running attempt is told once a second; of one that ended none', async (t) => {
  const { domain } = foundDomain('lab')
  const identity = createIdentity()
  const network = createMemoryNetwork()
  const broker = network.broker(identity.id)
  t.teardown(() => broker.close())
  await broker.presence()
  const opener = createOpener({ domain, self: identity.id, boot: 1, wall: Date.now, keyOf: () => identity.publicKey })
  const heard: Message[] = []
  let wake = () => {}
  const came = new Promise<void>((resolve) => {
    wake = resolve
  })
  await broker.subscribe(eventsTopic(domain.id, 'job-1'), (topic, bytes) => {
    heard.push(opener.open(topic, bytes))
    wake()
  })
  const progress = createProgress({
    domain: domain.id,
    broker,
    sealer: createSealer({ domain, identity, boot: 1, wall: Date.now, bootOf: () => undefined }),
    log: silent,
  })
  t.teardown(() => progress.stop())
  const table = createTable()
  const offer = { coordinator: 'c', job: 'job-1', term: 2, stage: 'map', pure: true, kind: 'mr@1', body: new Uint8Array(0), attempt: 1 }
  const [a, b] = [table.add({ ...offer, task: 'map/a' }, 0), table.add({ ...offer, task: 'map/b' }, 0)]
  progress.tell(a, { fraction: 0.1 })
  progress.tell(a, { fraction: 0.5, note: 'half' })
  progress.tell(b, { fraction: 0.9 })
  progress.forget(b.id)
  await came
  t.equal(heard.length, 1)
  t.match(heard[0], {
    type: 'task.progress',
    src: identity.id,
    job: 'job-1',
    term: 2,
    body: { tasks: [{ task: 'map/a', attempt: 1, fraction: 0.5, note: 'half' }] },
  })
  t.equal((heard[0] as Message & { type: 'task.progress' }).body.tasks.length, 1)
})
