/** `mqtts:` against a real mosquitto, whose certificate an authority of this test vouches for. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { startMosquitto } from '../../services/mosquitto.ts'
import { makeTls } from '../../services/tls.ts'
import { needs } from '../../services.ts'
import { open } from './talk.ts'

const inbox = 'ipdc/1/lab/node/a/inbox'
const mosquitto = needs(t, 'mosquitto')
const openssl = needs(t, 'openssl')

if (mosquitto !== undefined && openssl !== undefined) {
  t.test('over TLS messages come and go, by name and by address, and over a new start of the broker', async (t) => {
    const { ca: path, cert, key } = await makeTls(t, openssl)
    const ca = await readFile(path)
    const broker = await startMosquitto(t, { program: mosquitto, conf: [`certfile ${cert}`, `keyfile ${key}`] })
    const { port } = new URL(broker.url)
    const heard: string[] = []
    let wake = () => {}
    const until = async (count: number) => {
      while (heard.length < count) await new Promise<void>((resolve) => (wake = resolve))
    }
    const ears = open(t, { url: `mqtts://localhost:${port}`, clientId: 'ears', ca, random: () => 0.2 })
    await ears.presence()
    await ears.subscribe(inbox, (_, bytes) => {
      heard.push(Buffer.from(bytes).toString())
      wake()
    })
    const mouth = open(t, { url: `mqtts://127.0.0.1:${port}`, clientId: 'mouth', ca, random: () => 0.2 })
    await mouth.presence()
    await mouth.publish(inbox, Buffer.from('first'))
    await until(1)
    await mouth.publish(inbox, new Uint8Array(60_000).fill(97))
    await until(2)
    await broker.restart()
    const back = Promise.all([ears, mouth].map((one) => new Promise<void>((resolve) => one.onStatus(({ is }) => is === 'up' && resolve()))))
    await back
    await mouth.publish(inbox, Buffer.from('again'))
    await until(3)
    t.same(
      heard.map((text) => text.slice(0, 5)),
      ['first', 'aaaaa', 'again'],
    )
  })

  t.test('a broker that nobody known vouches for gets no word, and it is said what to do', async (t) => {
    const { cert, key } = await makeTls(t, openssl)
    const { ca: other } = await makeTls(t, openssl)
    const { url } = await startMosquitto(t, { program: mosquitto, conf: [`certfile ${cert}`, `keyfile ${key}`] })
    const { port } = new URL(url)
    const refused = { code: 'NO_BROKER', message: /certificate/, hint: /IPDC_TLS_CA/ }
    await t.rejects(open(t, { url: `mqtts://127.0.0.1:${port}`, timeoutMs: 1000 }).presence(), refused, 'by no authority')
    await t.rejects(open(t, { url: `mqtts://127.0.0.1:${port}`, ca: await readFile(other), timeoutMs: 1000 }).presence(), refused, 'by another')
  })

  t.test('a certificate of another name is not believed, though its authority is', async (t) => {
    const { ca, cert, key } = await makeTls(t, openssl, 'DNS:elsewhere')
    const { url } = await startMosquitto(t, { program: mosquitto, conf: [`certfile ${cert}`, `keyfile ${key}`] })
    await t.rejects(open(t, { url: url.replace('mqtt:', 'mqtts:'), ca: await readFile(ca), timeoutMs: 1000 }).presence(), {
      code: 'NO_BROKER',
      message: /altnames/,
      hint: /as its certificate does/,
    })
  })

  t.test('TLS asked of a broker that speaks none is an error in time', async (t) => {
    const { url } = await startMosquitto(t, { program: mosquitto })
    await t.rejects(open(t, { url: url.replace('mqtt:', 'mqtts:'), timeoutMs: 1500 }).presence(), { code: 'NO_BROKER' })
  })
}
