/**
 * What every Broker must do. `start` gives a broker of its own for one test. What an adapter cannot have by its nature is named,
 * with the reason, and those claims are skipped.
 */
import type { Test } from 'tap'
import type { Log } from '../../src/core/log.ts'
import type { Broker, BrokerStatus, Will } from '../../src/core/ports.ts'
import { inboxTopic, presenceFilter, presenceTopic } from '../../src/core/wire/topic.ts'

export interface Adapter {
  start(t: Test): Promise<Bench>
  readonly cannot?: { readonly silence?: string }
}

export interface Bench {
  /** Not connected yet. Closed when the test ends. */
  open(clientId: string, options?: Options): Promise<Broker>
  /** The connection of this client dies, as with its process. */
  cut(clientId: string): void
  /** The connection of this client goes silent, and nobody is told. */
  freeze?(clientId: string): void
  /** The broker dies and forgets everything. */
  kill(): Promise<void>
  start(): Promise<void>
}

export interface Options {
  readonly timeoutMs?: number
  readonly log?: Log
}

const domain = 'lab'
const max = 65_536
const inbox = inboxTopic(domain, 'a')
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const bytes = (words: string) => new TextEncoder().encode(words)
const willOf = (node: string): Will => ({ topic: presenceTopic(domain, node), bytes: bytes(`${node} is gone`) })

export function conformance(t: Test, { start, cannot = {} }: Adapter): void {
  t.test('a message arrives as it was sent, at its subscriber and no other', async (t) => {
    const { a, b } = await pair(t)
    const atA = await heard(a, inbox)
    const atB = await heard(b, inboxTopic(domain, 'b'))
    const sent = Uint8Array.from({ length: 256 }, (_, i) => i)
    await b.publish(inbox, sent)
    await b.publish(inboxTopic(domain, 'b'), bytes('to myself'))
    t.same(await atA.next(), [inbox, Buffer.from(sent).toString()])
    t.same(await atB.next(), [inboxTopic(domain, 'b'), 'to myself'])
    t.equal(atA.count + atB.count, 2)
  })

  t.test('messages of a sender arrive in order, also many at once', async (t) => {
    const { a, b } = await pair(t)
    const atA = await heard(a, inbox)
    const words = Array.from({ length: 300 }, (_, i) => `${i}`)
    await Promise.all(words.map((word) => b.publish(inbox, bytes(word))))
    t.same(
      (await atA.take(300)).map(([, word]) => word),
      words,
    )
  })

  t.test('QoS 0 arrives while all is well', async (t) => {
    const { a, b } = await pair(t)
    const atA = await heard(a, inbox)
    await b.publish(inbox, bytes('progress'), { qos: 0 })
    t.same(await atA.next(), [inbox, 'progress'])
  })

  t.test('a subscription that was ended hears no more, and can be made again', async (t) => {
    const { a, b } = await pair(t)
    const other = inboxTopic(domain, 'other')
    const atA = await heard(a, inbox)
    const words: string[] = []
    const end = await a.subscribe(other, (_, bytes) => void words.push(text(bytes)))
    await b.publish(other, bytes('one'))
    await b.publish(inbox, bytes('after one'))
    t.same(await atA.next(), [inbox, 'after one'])
    await end()
    await end()
    await b.publish(other, bytes('two'))
    await b.publish(inbox, bytes('after two'))
    t.same(await atA.next(), [inbox, 'after two'])
    t.same(words, ['one'])
    const again = await heard(a, other)
    await b.publish(other, bytes('three'))
    t.same(await again.next(), [other, 'three'])
  })

  t.test('who joins late hears the last presence of each member of its domain', async (t) => {
    const { a, b } = await pair(t)
    await a.publish(presenceTopic(domain, 'a'), bytes('a was up'), { retain: true })
    await a.publish(presenceTopic(domain, 'a'), bytes('a is up'), { retain: true })
    await a.publish(presenceTopic('other', 'x'), bytes('x is up'), { retain: true })
    await b.publish(presenceTopic(domain, 'b'), bytes('b is up'), { retain: true })
    const late = await open(t, 'c')
    const atLate = await heard(late, presenceFilter(domain))
    t.same((await atLate.take(2)).map(([, word]) => word).sort(), ['a is up', 'b is up'])
    await a.publish(inbox, bytes('not for everybody'))
    await a.publish(presenceTopic(domain, 'a'), bytes('a is draining'), { retain: true })
    t.same(await atLate.next(), [presenceTopic(domain, 'a'), 'a is draining'])
  })

  t.test('a connection that dies is told to all within a second, and to who comes later', async (t) => {
    const { a, b, bench } = await pair(t)
    const atB = await heard(b, presenceFilter(domain))
    await a.publish(presenceTopic(domain, 'a'), bytes('a is up'), { retain: true })
    await atB.next()
    const since = performance.now()
    bench.cut('a')
    t.same(await atB.next(), [presenceTopic(domain, 'a'), 'a is gone'])
    t.ok(performance.now() - since < 1000)
    const late = await heard(await open(t, 'c'), presenceFilter(domain))
    t.same(await late.next(), [presenceTopic(domain, 'a'), 'a is gone'])
  })

  t.test('a connection that goes silent is told within eight seconds, and noticed at its own end', { skip: cannot.silence ?? false }, async (t) => {
    const { a, b, bench } = await pair(t)
    const atB = await heard(b, presenceFilter(domain))
    const down = statusOf(a, 'down')
    const since = performance.now()
    bench.freeze?.('a')
    t.same(await atB.next(10_000), [presenceTopic(domain, 'a'), 'a is gone'])
    t.ok(performance.now() - since < 8000, `${Math.round(performance.now() - since)} ms`)
    await down
    t.ok(performance.now() - since < 8000, `${Math.round(performance.now() - since)} ms`)
  })

  t.test('who goes in good order leaves no will behind', async (t) => {
    const { a, b } = await pair(t)
    const atB = await heard(b, presenceFilter(domain))
    await a.publish(presenceTopic(domain, 'a'), bytes('a has closed'), { retain: true })
    t.same(await atB.next(), [presenceTopic(domain, 'a'), 'a has closed'])
    await a.close()
    await b.publish(presenceTopic(domain, 'b'), bytes('b is up'), { retain: true })
    t.same(await atB.next(), [presenceTopic(domain, 'b'), 'b is up'])
    const late = await heard(await open(t, 'c'), presenceTopic(domain, 'a'))
    t.same(await late.next(), [presenceTopic(domain, 'a'), 'a has closed'])
  })

  t.test('nothing more is delivered while a handler is not through', async (t) => {
    const { a, b } = await pair(t)
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    const began: string[] = []
    const through = Promise.withResolvers<void>()
    await a.subscribe(inbox, async (_, message) => {
      began.push(text(message))
      if (began.length === 1) await held
      if (began.length === 3) through.resolve()
    })
    for (const word of ['one', 'two', 'three']) await b.publish(inbox, bytes(word))
    // A round trip on its own connection: what was sent before it has come.
    const other = await heard(b, inboxTopic(domain, 'b'))
    await b.publish(inboxTopic(domain, 'b'), bytes('round trip'))
    await other.next()
    t.same(began, ['one'])
    release()
    await through.promise
    t.same(began, ['one', 'two', 'three'])
  })

  t.test('a handler may wait for messages of its own to be sent', async (t) => {
    const { a, b } = await pair(t)
    const atB = await heard(b, inboxTopic(domain, 'b'))
    await a.subscribe(inbox, async (_, message) => {
      await a.publish(inboxTopic(domain, 'b'), bytes(`heard ${text(message)}`))
    })
    await Promise.all([b.publish(inbox, bytes('one')), b.publish(inbox, bytes('two'))])
    t.same(
      (await atB.take(2)).map(([, word]) => word),
      ['heard one', 'heard two'],
    )
  })

  t.test('a handler that throws is logged, and the next message comes', async (t) => {
    const errors: string[] = []
    const log: Log = { debug() {}, info() {}, warn() {}, error: (_, message) => void errors.push(message), child: () => log }
    const bench = await start(t)
    const a = await bench.open('a', { log })
    await a.presence()
    const next = Promise.withResolvers<string>()
    await a.subscribe(inbox, async (_, message) => {
      if (text(message) === 'worse') await Promise.reject(new Error('planned'))
      next.resolve(text(message))
    })
    await a.subscribe(inboxTopic(domain, 'plain'), (_, message) => {
      throw new Error(`planned: ${text(message)}`)
    })
    await a.publish(inboxTopic(domain, 'plain'), bytes('bad'))
    for (const word of ['worse', 'good']) await a.publish(inbox, bytes(word))
    t.equal(await next.promise, 'good')
    t.equal(errors.length, 2)
  })

  t.test('what was sent to a member that is away for a moment arrives when it is back, once', async (t) => {
    const { a, b, bench } = await pair(t)
    const atA = await heard(a, inbox)
    const atB = await heard(b, presenceFilter(domain))
    const back = statusOf(a, 'up')
    bench.cut('a')
    await atB.next()
    await b.publish(inbox, bytes('while away'))
    await back
    await b.publish(inbox, bytes('and after'))
    t.same(await atA.take(2), [
      [inbox, 'while away'],
      [inbox, 'and after'],
    ])
    t.equal(atA.count, 2)
  })

  t.test('a broker that comes back empty finds all as it was: subscriptions once each, and what was to be sent', async (t) => {
    const { a, b, bench } = await pair(t)
    const atA = await heard(a, inbox)
    const atB = await heard(b, presenceFilter(domain))
    const [downs, ups] = [
      [statusOf(a, 'down'), statusOf(b, 'down')],
      [statusOf(a, 'up'), statusOf(b, 'up')],
    ]
    await bench.kill()
    await Promise.all(downs)
    await b.publish(inbox, bytes('dropped'), { qos: 0 })
    const sent = [b.publish(inbox, bytes('kept 1')), b.publish(inbox, bytes('kept 2'))]
    await bench.start()
    await Promise.all(ups)
    await Promise.all(sent)
    // Both orders of coming back are right: who subscribes after a message was sent does not get it.
    await b.publish(inbox, bytes('after'))
    const words: string[] = []
    while (words.at(-1) !== 'after') words.push((await atA.next())[1])
    t.notOk(words.includes('dropped'))
    t.equal(new Set(words).size, words.length, 'nothing comes twice')
    await a.publish(presenceTopic(domain, 'a'), bytes('a is back'), { retain: true })
    t.same(await atB.next(), [presenceTopic(domain, 'a'), 'a is back'])
    t.equal(atB.count, 1)
  })

  t.test('what was published while the broker was down is sent when it is up, in order', async (t) => {
    const bench = await start(t)
    const a = await bench.open('a')
    await a.presence()
    const atA = await heard(a, inbox)
    const [down, up] = [statusOf(a, 'down'), statusOf(a, 'up')]
    await bench.kill()
    await down
    const words = Array.from({ length: 250 }, (_, i) => `${i}`)
    const sent = words.map((word) => a.publish(inbox, bytes(word)))
    await bench.start()
    await up
    await Promise.all(sent)
    t.same(
      (await atA.take(250)).map(([, word]) => word),
      words,
    )
  })

  t.test('without a broker presence fails in time, and succeeds by itself when there is one', async (t) => {
    const bench = await start(t)
    await bench.kill()
    const a = await bench.open('a', { timeoutMs: 300 })
    const since = performance.now()
    await t.rejects(a.presence(willOf('a')), { code: 'NO_BROKER' })
    t.ok(performance.now() - since < 2000)
    t.equal(a.status.is, 'down')
    const up = statusOf(a, 'up')
    await bench.start()
    await up
    const atA = await heard(a, inbox)
    await a.publish(inbox, bytes('hello'))
    t.same(await atA.next(), [inbox, 'hello'])
  })

  t.test('what waits for a broker is bounded, and can be given up', async (t) => {
    const bench = await start(t)
    const a = await bench.open('a')
    const giveUp = new AbortController()
    const given = a.publish(inbox, bytes('given up'), { signal: giveUp.signal })
    const kept = Array.from({ length: 999 }, () => a.publish(inbox, bytes('kept')))
    await t.rejects(a.publish(inbox, bytes('one too many')), { code: 'NO_BROKER' })
    giveUp.abort()
    await t.rejects(given, { code: 'NO_BROKER' })
    await t.rejects(a.publish(inbox, bytes('too late'), { signal: AbortSignal.abort() }), { code: 'NO_BROKER' })
    kept.push(a.publish(inbox, bytes('in its place')))
    await a.presence()
    await Promise.all(kept)
    t.equal(kept.length, 1000)
  })

  t.test('a message has at most 64 KiB, and one more does no harm', async (t) => {
    const { a, b } = await pair(t)
    const atA = await heard(a, inbox)
    const downs: BrokerStatus[] = []
    b.onStatus((status) => downs.push(status))
    await t.rejects(b.publish(inbox, new Uint8Array(max + 1)), { code: 'TOO_LARGE' })
    await t.rejects(b.publish(inbox, new Uint8Array(max + 1), { qos: 0 }), { code: 'TOO_LARGE' })
    await b.publish(inbox, new Uint8Array(max))
    t.equal((await atA.next())[1].length, max)
    t.same(downs, [])
  })

  t.test('a topic that a broker could trip over never leaves', async (t) => {
    const { a } = await pair(t)
    for (const bad of ['ipdc/1/lab/node/+/inbox', 'ipdc/1/lab/node/#', '', 'x', 'ipdc/1/lab/node/A/inbox', '$SYS/x']) {
      await t.rejects(a.publish(bad, bytes('x')), { code: 'BAD_TOPIC' })
      await t.rejects(a.publish(bad, bytes('x'), { qos: 0 }), { code: 'BAD_TOPIC' })
    }
    for (const bad of ['#', 'ipdc/#', 'ipdc/1/+/node/a/inbox', '$share/g/x'])
      await t.rejects(
        a.subscribe(bad, () => {}),
        { code: 'BAD_TOPIC' },
      )
    t.equal(a.status.is, 'up')
    await a.subscribe(inbox, () => {})
    await t.rejects(
      a.subscribe(inbox, () => {}),
      { code: 'USAGE' },
      'and a filter has one handler',
    )
  })

  t.test('a closed broker takes nothing and the network keeps nothing for it', async (t) => {
    const { a, b, bench } = await pair(t)
    const seen: string[] = []
    a.onStatus(({ is }) => seen.push(is))
    await a.subscribe(inbox, () => {})
    await a.close()
    await a.close()
    t.same(seen, ['closed'])
    t.same(a.status, { is: 'closed' })
    await t.rejects(a.publish(inbox, bytes('x')), { code: 'NO_BROKER' })
    await t.rejects(
      a.subscribe(presenceFilter(domain), () => {}),
      { code: 'NO_BROKER' },
    )
    await t.rejects(a.presence(), { code: 'NO_BROKER' })
    await b.publish(inbox, bytes('to nobody'))
    const again = await bench.open('a')
    await again.presence()
    const atAgain = await heard(again, inbox)
    await b.publish(inbox, bytes('to the one that came after'))
    t.same(await atAgain.next(), [inbox, 'to the one that came after'])
  })

  t.test('what waits when a broker is closed is refused, not forgotten', async (t) => {
    const bench = await start(t)
    const a = await bench.open('a')
    const waiting = [a.publish(inbox, bytes('one')), a.publish(inbox, bytes('two'))].map((publish) => t.rejects(publish, { code: 'NO_BROKER' }))
    await a.close()
    await Promise.all(waiting)
  })

  /** A bench, and two members on it that are connected, each with its will. */
  async function pair(t: Test) {
    const bench = await start(t)
    benches.set(t, bench)
    const [a, b] = await Promise.all([open(t, 'a'), open(t, 'b')])
    return { a, b, bench }
  }
  const benches = new WeakMap<Test, Bench>()

  async function open(t: Test, clientId: string): Promise<Broker> {
    const broker = await benches.get(t)?.open(clientId)
    if (broker === undefined) throw new Error('no bench')
    await broker.presence(willOf(clientId))
    return broker
  }
}

interface Heard {
  next(ms?: number): Promise<[topic: string, words: string]>
  take(count: number): Promise<[topic: string, words: string][]>
  readonly count: number
}

/** Subscribes and keeps what comes, for a test to take one by one. */
async function heard(broker: Broker, filter: string): Promise<Heard> {
  const messages: [string, string][] = []
  let wake = (): void => {}
  let count = 0
  await broker.subscribe(filter, (topic, message) => {
    count++
    messages.push([topic, text(message)])
    wake()
  })
  const next = async (ms = 5000): Promise<[string, string]> => {
    const late = setTimeout(() => wake(), ms)
    if (messages.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    clearTimeout(late)
    const message = messages.shift()
    if (message === undefined) throw new Error(`nothing on ${filter} in ${ms} ms`)
    return message
  }
  return {
    next,
    async take(wanted) {
      const taken: [string, string][] = []
      while (taken.length < wanted) taken.push(await next())
      return taken
    },
    get count() {
      return count
    },
  }
}

function statusOf(broker: Broker, is: BrokerStatus['is']): Promise<void> {
  return new Promise((resolve) => {
    broker.onStatus((status) => {
      if (status.is === is) resolve()
    })
  })
}
