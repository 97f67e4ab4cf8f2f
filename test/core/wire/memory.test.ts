import t from 'tap'
import { createMemoryNetwork } from '../../../src/core/wire/memory.ts'
import { conformance } from '../../conformance/broker.ts'

conformance(t, {
  async start(t) {
    // Half of the first wait: 550 ms, so that a test can act while a client is away.
    const random = () => 0.5
    const network = createMemoryNetwork({ random })
    return {
      async open(clientId, options = {}) {
        const broker = network.broker(clientId, options)
        t.teardown(() => broker.close())
        return broker
      },
      cut: network.cut,
      async kill() {
        network.stop()
      },
      async start() {
        network.start()
      },
    }
  },
  cannot: { silence: 'there is no keep-alive within one process' },
})

t.test('a broker that is closed while it connects is closed', async (t) => {
  const broker = createMemoryNetwork().broker('a')
  const connecting = broker.presence()
  await Promise.all([t.rejects(connecting, { code: 'NO_BROKER' }), broker.close()])
  t.equal(broker.status.is, 'closed')
})
