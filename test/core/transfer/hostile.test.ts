/** Holders that lie, stall, ramble or refuse: what they give is never kept, they are counted, and the next holder is asked. */
import type { ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import type { Cid } from '../../../src/core/cids.ts'
import { carHead, carStart } from '../../../src/core/store/car.ts'
import { cidOf, sha256 } from '../../../src/core/store/cid.ts'
import type { Holder } from '../../../src/core/transfer/ask.ts'
import { all, noise } from '../../conformance/store.ts'
import { fetcherOf, openHostile, openNode, openStore, recording, table } from './nodes.ts'

const mebibyte = 1 << 20
const progressMs = 300

/** A file of three leaves on an honest node, and a reader that asks `liar` first. */
async function setting(t: Test, open: (root: Cid, blocks: Map<Cid, Uint8Array>) => Promise<Holder>) {
  const honest = await openNode(t, 'honest')
  const store = await openStore(t)
  const bytes = noise('content', 3 * mebibyte)
  const { cid } = await honest.store.addFile(bytes)
  const blocks = new Map<Cid, Uint8Array>()
  for (const link of [cid, ...Array.from({ length: 3 }, (_, i) => cidOf('raw', sha256(bytes.subarray(i * mebibyte, (i + 1) * mebibyte))))])
    blocks.set(link, await honest.store.getBlock(link))
  const liar = await open(cid, blocks)
  const { log, lines } = recording()
  return { honest, store, bytes, cid, liar, log, lines, order: orderOf(cid, liar, honest.holder) }
}

/** Blocks are spread over holders by their address: this puts the liar first for the root. */
function orderOf(cid: Cid, first: Holder, second: Holder): Holder[] {
  return cid.charCodeAt(20) % 2 === 0 ? [first, second] : [second, first]
}

function car(root: Cid, blocks: Iterable<readonly [Cid, Uint8Array]>): Buffer {
  return Buffer.concat([carStart(root), ...[...blocks].flatMap(([cid, bytes]) => [carHead(cid, bytes.length), bytes])])
}

interface Lie {
  readonly title: string
  /** Only where the lie is sure: a holder that breaks off may be unlucky. */
  readonly counts: boolean
  readonly answer: (response: ServerResponse, root: Cid, blocks: Map<Cid, Uint8Array>) => void
}

const forever = (response: ServerResponse, piece: Uint8Array) => {
  const write = () => {
    while (!response.destroyed && response.write(piece));
    if (!response.destroyed) response.once('drain', write)
  }
  write()
}

const lies: Lie[] = [
  {
    title: 'wrong bytes under the right address',
    counts: true,
    answer: (response, root, blocks) =>
      response.end(
        car(
          root,
          [...blocks].map(([cid, bytes], i) => [cid, i === 2 ? Buffer.alloc(bytes.length) : bytes] as const),
        ),
      ),
  },
  {
    title: 'a block that nobody asked for',
    counts: true,
    answer: (response, root, blocks) => response.end(car(root, [...blocks, [cidOf('raw', sha256(Buffer.from('surplus'))), Buffer.from('surplus')]])),
  },
  { title: 'a block twice', counts: true, answer: (response, root, blocks) => response.end(car(root, [...blocks, ...[...blocks].slice(-1)])) },
  { title: 'another DAG', counts: true, answer: (response, _root, blocks) => response.end(car([...blocks.keys()].at(-1) ?? '', [...blocks].slice(-1))) },
  { title: 'a CAR that ends within a block', counts: true, answer: (response, root, blocks) => response.end(car(root, blocks).subarray(0, -100)) },
  {
    title: 'a CAR with an error message at its end',
    counts: true,
    answer: (response, root, blocks) => response.end(Buffer.concat([car(root, [...blocks].slice(0, 2)), Buffer.from('[Gateway Error: truncated]')])),
  },
  { title: 'an empty answer', counts: true, answer: (response) => response.end() },
  { title: 'a CAR without blocks', counts: true, answer: (response, root) => response.end(carStart(root)) },
  { title: 'a page', counts: true, answer: (response) => response.end('<!doctype html><title>Sign in</title>') },
  { title: 'a CAR without end', counts: true, answer: (response, root, blocks) => forever(response, car(root, blocks)) },
  { title: 'a header of a CAR without end', counts: true, answer: (response) => forever(response, Buffer.alloc(65_536, 0xff)) },
  {
    title: 'a block of 3 MiB',
    counts: true,
    answer: (response, root, blocks) =>
      response.end(car(root, [...[...blocks].slice(0, 1), [cidOf('raw', sha256(Buffer.alloc(3 * mebibyte))), Buffer.alloc(3 * mebibyte)]])),
  },
  { title: 'a redirect', counts: true, answer: (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end() },
  {
    title: 'a connection broken in the middle',
    counts: false,
    answer: (response, root, blocks) => response.write(car(root, blocks).subarray(0, 2 * mebibyte), () => response.destroy()),
  },
  { title: 'no answer at all', counts: false, answer: () => {} },
  { title: 'a body that never comes', counts: false, answer: (response) => response.writeHead(200).flushHeaders() },
  {
    title: 'a drop now and then',
    counts: false,
    answer(response) {
      const drip = setInterval(() => response.write('a'), 20)
      response.once('close', () => clearInterval(drip))
    },
  },
  { title: 'headers without end', counts: false, answer: (response) => response.writeHead(200, { 'x-large': 'x'.repeat(100_000) }).end() },
  { title: 'an error of the server', counts: false, answer: (response) => response.writeHead(500).end() },
  { title: 'a refusal', counts: false, answer: (response) => response.writeHead(403).end() },
]

for (const { title, counts, answer } of lies) {
  t.test(`a holder that gives ${title}`, async (t) => {
    const { store, bytes, cid, order, log, lines } = await setting(t, (root, blocks) =>
      openHostile(t, 'liar', (_request, response) => answer(response, root, blocks)),
    )
    const fetcher = fetcherOf(store, table({ [cid]: order }), { log, progressMs })
    await fetcher.fetch(cid, { pin: 'p' })
    t.ok(Buffer.concat(await all(store.cat(cid))).equals(bytes))
    t.same(new Set(lines.map(({ fields }) => fields.node)), new Set(['liar']), 'the liar is named, the honest one is not')
    t.equal((fetcher.lies.get('liar') ?? 0) > 0, counts, counts ? 'counted' : 'not called a lie')
    // Only what was asked for is kept: the root and its three leaves, or two where they are equal.
    t.equal((await store.usage()).blocks, 4)
  })
}

t.test('a single block that is wrong, too long, or somebody else’s', async (t) => {
  for (const [title, body] of [
    ['wrong', Buffer.alloc(mebibyte)],
    ['endless', undefined],
    ['short', Buffer.alloc(1)],
  ] as const) {
    const { store, bytes, cid, log, liar, honest } = await setting(t, () =>
      openHostile(t, 'liar', (_request, response) => (body === undefined ? forever(response, Buffer.alloc(65_536)) : response.end(body))),
    )
    const fetcher = fetcherOf(store, table({ [cid]: [liar, honest.holder] }), { log, progressMs })
    t.ok(Buffer.concat(await all(fetcher.reader.cat(cid))).equals(bytes), title)
    t.ok((fetcher.lies.get('liar') ?? 0) > 0)
  }
})

t.test('who has lied is asked last from then on', async (t) => {
  const { store, cid, log, honest } = await setting(t, () => openHostile(t, 'unused', () => {}))
  const liar = await openHostile(t, 'liar', (_request, response) => response.end('no'))
  const fetcher = fetcherOf(store, async () => [liar, honest.holder], { log, progressMs })
  await all(fetcher.reader.cat(cid))
  const before = liar.requests.length
  t.ok(before > 0)
  const other = await honest.store.addFile(noise('other', 6 * mebibyte))
  await all(fetcher.reader.cat(other.cid))
  t.equal(liar.requests.length, before)
})

t.test('only liars: the error says lost; only silent ones: it says later', async (t) => {
  const { store, cid, log } = await setting(t, () => openHostile(t, 'x', () => {}))
  const liar = await openHostile(t, 'liar', (_request, response) => response.end('no'))
  const silentOne = await openHostile(t, 'silent', () => {})
  const busy = await openHostile(t, 'busy', (_request, response) => response.writeHead(503).end())
  const refusing = await openHostile(t, 'refusing', (_request, response) => response.writeHead(403).end())
  const attempt = (holders: Holder[]) => fetcherOf(store, table({ [cid]: holders }), { log, progressMs: 50 }).fetch(cid)
  await t.rejects(attempt([liar]), { code: 'INPUT_LOST', cid })
  await t.rejects(attempt([liar, silentOne]), { code: 'UNREACHABLE', cid })
  await t.rejects(attempt([busy]), { code: 'UNREACHABLE', cid })
  await t.rejects(attempt([refusing]), { code: 'REFUSED', cid })
  t.equal(busy.requests.length, 3, 'asked a few times, then no more')
  t.same(await all(store.pins()), [])
})

t.test('a wait for a silent holder ends with its signal', async (t) => {
  const { store, cid, liar } = await setting(t, () => openHostile(t, 'silent', () => abort.abort()))
  const abort = new AbortController()
  const fetcher = fetcherOf(store, table({ [cid]: [liar] }), { progressMs: 60_000 })
  await t.rejects(fetcher.fetch(cid, { signal: abort.signal, pin: 'p' }), { name: 'AbortError' })
  t.same(await all(store.pins()), [])
})
