import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { conformance } from '../../conformance/broker.ts'
import { startMosquitto } from '../../services/mosquitto.ts'
import { needs } from '../../services.ts'
import { mqttBench } from './bench.ts'
import { comesAndGoes, open, roundTrips, watch } from './talk.ts'

const inbox = 'ipdc/1/lab/node/a/inbox'

const program = needs(t, 'mosquitto')
if (program !== undefined) {
  conformance(t, {
    async start(t) {
      const mosquitto = await startMosquitto(t, { program })
      return mqttBench(t, { url: mosquitto.url, kill: mosquitto.kill9, start: mosquitto.start })
    },
  })

  t.test('a broker that refuses us says so at once, and its password opens it', async (t) => {
    const dir = t.testdir({ passwords: '' })
    const made = spawnSync('mosquitto_passwd', ['-b', join(dir, 'passwords'), 'node-1', 'secret'], { encoding: 'utf8' })
    t.equal(made.status, 0, made.stderr)
    const { url } = await startMosquitto(t, { program, conf: ['allow_anonymous false', `password_file ${join(dir, 'passwords')}`] })
    const since = performance.now()
    await t.rejects(open(t, { url }).presence(), { code: 'BROKER_REFUSED' })
    await t.rejects(open(t, { url, username: 'node-1', password: 'wrong' }).presence(), { code: 'BROKER_REFUSED' })
    t.ok(performance.now() - since < 2000)
    await open(t, { url, username: 'node-1', password: 'secret' }).presence()
    const other = open(t, { url: url.replace('//', '//node-1:secret@'), clientId: 'other' })
    await other.presence()
    t.same(other.status, { is: 'up', url }, 'and the password is not shown')
  })

  t.test('a broker with small packets is asked for no more, and goes on to speak with us', async (t) => {
    const { url } = await startMosquitto(t, { program, conf: ['max_packet_size 10000'] })
    const broker = open(t, { url })
    await broker.presence()
    const downs = watch(broker)
    await t.rejects(broker.publish(inbox, new Uint8Array(20_000)), { code: 'TOO_LARGE' })
    await broker.publish(inbox, new Uint8Array(9_000))
    t.same(downs, [])
  })

  t.test('a request and its answer take no Nagle delay', async (t) => {
    const { url } = await startMosquitto(t, { program })
    const quick = await roundTrips(t, url)
    t.ok(quick < 25, `${quick.toFixed(1)} ms`)
  })

  t.test('a closed broker leaves nothing that keeps a process alive', async (t) => {
    const { url } = await startMosquitto(t, { program })
    t.equal(await comesAndGoes(url), 'spoke\n')
  })
}
