/** A holder whose node was stopped takes connections and gives nothing: what is known of the node ends the wait, not only the clock. */
import type { ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import type { NodeId } from '../../../src/core/kind.ts'
import type { Holder } from '../../../src/core/transfer/ask.ts'
import { all, noise } from '../../conformance/store.ts'
import { fetcherOf, openHostile, openNode, openStore, table } from './nodes.ts'

/** Longer than a test may take: no wait ends by it. */
const progressMs = 60_000
const enoughMs = 10_000

async function setting(t: Test, begin: (response: ServerResponse, bytes: Uint8Array) => void) {
  const [honest, store] = [await openNode(t, 'honest'), await openStore(t)]
  const bytes = noise('content', 100_000)
  const { cid } = await honest.store.addFile(bytes)
  const gone = new Set<NodeId>()
  const stopped = await openHostile(t, 'stopped', (_request, response) => {
    begin(response, bytes)
    gone.add('stopped')
  })
  const order = (holders: readonly Holder[]) => (cid.charCodeAt(20) % 2 === 0 ? holders : holders.toReversed())
  const fetcher = (holders: readonly Holder[]) => fetcherOf(store, table({ [cid]: order(holders) }), { progressMs, isGone: (node) => gone.has(node) })
  return { honest, store, bytes, cid, gone, stopped, fetcher }
}

const stops: readonly [string, (response: ServerResponse, bytes: Uint8Array) => void][] = [
  ['before it answers', () => {}],
  ['within its answer', (response, bytes) => response.write(bytes.subarray(0, 50_000))],
]

for (const [when, begin] of stops) {
  t.test(`a holder that is found gone ${when} gives way to the next`, async (t) => {
    const { honest, bytes, cid, stopped, fetcher } = await setting(t, begin)
    const start = performance.now()
    t.ok(Buffer.concat(await all(fetcher([stopped, honest.holder]).reader.cat(cid))).equals(bytes))
    t.equal(stopped.requests.length, 1)
    t.ok(performance.now() - start < enoughMs, 'without waiting for the clock')
  })

  t.test(`where the only holder is found gone ${when}, the input is lost`, async (t) => {
    const { cid, stopped, fetcher } = await setting(t, begin)
    const start = performance.now()
    await t.rejects(all(fetcher([stopped]).reader.cat(cid)), { code: 'INPUT_LOST', cid })
    t.ok(performance.now() - start < enoughMs, 'without waiting for the clock')
  })
}

t.test('whoever is gone already is not asked, and is asked when it is back', async (t) => {
  const { honest, bytes, cid, gone, stopped, fetcher } = await setting(t, () => {})
  gone.add('stopped').add('honest')
  await t.rejects(all(fetcher([stopped, honest.holder]).reader.cat(cid)), { code: 'INPUT_LOST', cid })
  t.same([stopped.requests, honest.requests], [[], []])
  gone.delete('honest')
  t.ok(Buffer.concat(await all(fetcher([stopped, honest.holder]).reader.cat(cid))).equals(bytes))
  t.same(stopped.requests, [])
})

t.test('a holder that gives bytes is not given up, whatever is said of it', async (t) => {
  const { bytes, cid, stopped, fetcher } = await setting(t, (response, bytes) => {
    let at = 0
    const drip = setInterval(() => {
      response.write(bytes.subarray(at, at + 10_000))
      at += 10_000
      if (at >= bytes.length) response.end()
    }, 250)
    response.once('close', () => clearInterval(drip))
    response.once('finish', () => clearInterval(drip))
  })
  t.ok(Buffer.concat(await all(fetcher([stopped]).reader.cat(cid))).equals(bytes))
})
