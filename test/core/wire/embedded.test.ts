import t from 'tap'
import { createEmbeddedBroker } from '../../../src/core/wire/embedded.ts'
import { conformance } from '../../conformance/broker.ts'
import { mqttBench } from './bench.ts'

conformance(t, {
  async start(t) {
    let broker = await createEmbeddedBroker()
    t.teardown(() => broker.close())
    const port = Number(new URL(broker.url).port)
    return mqttBench(t, {
      url: broker.url,
      kill: () => broker.close(),
      async start() {
        broker = await createEmbeddedBroker({ port })
      },
    })
  },
})
