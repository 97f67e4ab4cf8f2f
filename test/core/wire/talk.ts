/** What tests of brokers on MQTT do with them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { silent } from '../../../src/core/log.ts'
import type { Broker, BrokerStatus } from '../../../src/core/ports.ts'
import { createMqttBroker, type MqttOptions } from '../../../src/core/wire/mqtt.ts'

const comeAndGo = fileURLToPath(new URL('../../fixtures/wire/come-and-go.ts', import.meta.url))

export function open(t: Test, options: Partial<MqttOptions> & { readonly url: string }): Broker {
  const broker = createMqttBroker({ clientId: 'node-1', log: silent, ...options })
  t.teardown(() => broker.close())
  return broker
}

export function watch(broker: Broker): BrokerStatus[] {
  const seen: BrokerStatus[] = []
  broker.onStatus((status) => seen.push(status))
  return seen
}

/** A request and its answer between two clients, in ms: the quarter of the tries that was quickest is below it. A busy machine makes some slow, Nagle all. */
export async function roundTrips(t: Test, url: string): Promise<number> {
  const [asks, answers] = [open(t, { url, clientId: 'asks' }), open(t, { url, clientId: 'answers' })]
  await Promise.all([asks.presence(), answers.presence()])
  let arrived = (): void => {}
  await asks.subscribe('ipdc/1/lab/node/asks/inbox', () => arrived())
  await answers.subscribe('ipdc/1/lab/node/answers/inbox', (_, bytes) => answers.publish('ipdc/1/lab/node/asks/inbox', bytes))
  const times: number[] = []
  for (let i = 0; i < 41; i++) {
    const since = performance.now()
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve
    })
    await asks.publish('ipdc/1/lab/node/answers/inbox', new Uint8Array(500))
    await arrival
    times.push(performance.now() - since)
  }
  return times.sort((a, b) => a - b)[10] ?? Number.NaN
}

/** What a process said that connects, speaks, closes and then ends by itself. */
export async function comesAndGoes(url: string, timeoutMs = 10_000): Promise<string> {
  const child = spawn(process.execPath, [comeAndGo, url, `${timeoutMs}`], { stdio: ['ignore', 'pipe', 'inherit'], env: {}, timeout: 20_000 })
  const [said, [status, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return status === 0 ? said : `${said}${status} ${signal}`
}
