import t from 'tap'
import { conformance } from '../../conformance/broker.ts'
import { startMosquitto } from '../../services/mosquitto.ts'
import { needs } from '../../services.ts'
import { mqttBench } from './bench.ts'

const program = needs(t, 'mosquitto')
if (program !== undefined) {
  conformance(t, {
    async start(t) {
      const mosquitto = await startMosquitto(t, { program })
      return mqttBench(t, { url: mosquitto.url, kill: mosquitto.kill9, start: mosquitto.start })
    },
  })
}
