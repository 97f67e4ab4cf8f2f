/** A bench of the conformance suite on MQTT: each client on a cable of its own. */
import type { Test } from 'tap'
import { silent } from '../../../src/core/log.ts'
import { createMqttBroker } from '../../../src/core/wire/mqtt.ts'
import type { Bench } from '../../conformance/broker.ts'
import { type Cable, createCable } from './cable.ts'

export interface Served {
  readonly url: string
  kill(): Promise<void>
  start(): Promise<void>
}

export function mqttBench(t: Test, { url, kill, start }: Served): Bench {
  const cables = new Map<string, Cable>()
  return {
    async open(clientId, options = {}) {
      const cable = await createCable(t, url)
      cables.set(clientId, cable)
      // Half of the first wait: 550 ms, so that a test can act while a client is away.
      const broker = createMqttBroker({ url: cable.url, clientId, log: silent, random: () => 0.5, ...options })
      t.teardown(() => broker.close())
      return broker
    },
    cut: (clientId) => cables.get(clientId)?.cut(),
    freeze: (clientId) => cables.get(clientId)?.freeze(),
    kill,
    start,
  }
}
