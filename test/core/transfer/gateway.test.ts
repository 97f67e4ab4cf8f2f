/** The trustless gateway as https://specs.ipfs.tech/http-gateways/trustless-gateway/ describes it, for members. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { CarReader } from '@ipld/car'
import t from 'tap'
import { IpdcError } from '../../../src/core/errors.ts'
import type { Store } from '../../../src/core/ports.ts'
import { readCar } from '../../../src/core/store/car.ts'
import { all, noise, pieces, tiny } from '../../conformance/store.ts'
import { openGateway, openNode, openStore, request } from './nodes.ts'

const mebibyte = 1 << 20
const absent = 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e'
const member = { 'x-member': 'me' }

const cidsOf = async (car: Buffer) => (await all(readCar(pieces(car, 1 << 16)))).map(({ cid }) => cid)

t.test('a raw block comes with the headers of the specification', async (t) => {
  const { store, gateway } = await openNode(t, 'a')
  const { cid } = await store.addFile(Buffer.from('0123456789'))
  const whole = await request(`${gateway.url}/ipfs/${cid}?format=raw`)
  t.equal(whole.status, 200)
  t.equal(whole.body.toString(), '0123456789')
  t.match(whole.headers, {
    'content-type': 'application/vnd.ipld.raw',
    'content-length': '10',
    'content-disposition': `attachment; filename="${cid}.bin"`,
    'x-content-type-options': 'nosniff',
    etag: `"${cid}.raw"`,
    'ipfs-uri': `ipfs://${cid}`,
    'x-ipfs-path': `/ipfs/${cid}`,
    'x-ipfs-roots': cid,
    'cache-control': 'public, max-age=29030400, immutable',
  })
  t.equal((await request(`${gateway.url}/ipfs/${cid}`, { accept: 'text/html, application/vnd.ipld.raw;q=0.9' })).body.toString(), '0123456789')
  t.match(
    (await request(`${gateway.url}/ipfs/${cid}?format=raw&filename=ä"b.txt`)).headers['content-disposition'],
    `filename="__b.txt"; filename*=UTF-8''%C3%A4%22b.txt`,
  )
  t.same(
    await request(`${gateway.url}/ipfs/${cid}?format=raw`, { 'if-none-match': `"x", "${cid}.raw"` }).then(({ status, body }) => [status, body.length]),
    [304, 0],
  )
  const head = await request(`${gateway.url}/ipfs/${cid}?format=raw`, {}, 'HEAD')
  t.same([head.status, head.headers['content-length'], head.body.length], [200, '10', 0])
  t.equal(gateway.servedBytes, 30)
})

t.test('a range of a raw block', async (t) => {
  const { store, gateway } = await openNode(t, 'a')
  const { cid } = await store.addFile(Buffer.from('0123456789'))
  const part = async (range: string) => {
    const { status, headers, body } = await request(`${gateway.url}/ipfs/${cid}?format=raw`, { range })
    return [status, body.toString(), headers['content-range']]
  }
  t.same(await part('bytes=2-4'), [206, '234', 'bytes 2-4/10'])
  t.same(await part('bytes=8-'), [206, '89', 'bytes 8-9/10'])
  t.same(await part('bytes=-3'), [206, '789', 'bytes 7-9/10'])
  t.same(await part('bytes=0-999'), [206, '0123456789', 'bytes 0-9/10'])
  t.same(await part('bytes=10-'), [416, '', 'bytes */10'])
  t.same(await part('bytes=5-2'), [416, '', 'bytes */10'])
  t.same(await part('bytes=0-1,3-4'), [200, '0123456789', undefined], 'several: the whole')
  t.same(await part('lines=1-2'), [200, '0123456789', undefined])
})

t.test('what is not here is 404, or 412 where only the cache was asked', async (t) => {
  const { store, gateway } = await openNode(t, 'a')
  for (const format of ['raw', 'car']) {
    for (const method of ['GET', 'HEAD']) t.equal((await request(`${gateway.url}/ipfs/${absent}?format=${format}`, {}, method)).status, 404)
    t.equal((await request(`${gateway.url}/ipfs/${absent}?format=${format}`, { 'cache-control': 'only-if-cached' })).status, 412)
  }
  const { cid } = await store.addTree(tiny({ a: 'a' }))
  t.equal((await request(`${gateway.url}/ipfs/${cid}/b?format=car`)).status, 404)
  const linked = await store.link([{ name: 'elsewhere', cid: absent, size: 11 }])
  t.equal((await request(`${gateway.url}/ipfs/${linked.cid}/elsewhere?format=car`)).status, 404)
})

t.test('what cannot be understood is refused', async (t) => {
  const { store, gateway } = await openNode(t, 'a')
  const { cid } = await store.addTree(tiny({ a: 'a' }))
  const status = async (path: string, method = 'GET') => (await request(gateway.url + path, {}, method)).status
  t.equal(await status(`/ipfs/${cid}`), 406, 'no format')
  t.equal(await status(`/ipfs/${cid}?format=tar`), 400)
  t.equal(await status(`/ipfs/${cid}/a?format=raw`), 400, 'a raw block has no path')
  t.equal(await status('/ipfs/QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG?format=raw'), 400)
  t.equal(await status(`/ipfs/${cid.slice(0, 58)}9?format=raw`), 400)
  t.equal(await status(`/ipfs/${cid}/%ff?format=car`), 400)
  t.equal(await status(`/ipfs/${cid}/..%2fa?format=car`), 400)
  t.equal(await status(`/ipfs/${cid}?format=car&dag-scope=some`), 400)
  t.equal(await status(`/ipfs/${cid}?format=car&entity-bytes=5:3`), 400)
  t.equal(await status(`/ipfs/${cid}?format=car&car-version=2`), 400)
  t.equal(await status(`/ipfs/${cid}?format=raw`, 'POST'), 405)
  t.equal(await status('/ipns/example.org'), 404)
  t.equal(await status('/'), 404)
})

t.test('a CAR holds the DAG depth first, each block once, and others can read it', async (t) => {
  const { store, gateway } = await openNode(t, 'a')
  const tree = await store.addTree([{ path: 'd/big', content: noise('x', 2 * mebibyte) }, ...tiny({ 'd/a': 'same', 'e/a': 'same' })])
  const { headers, body, status } = await request(`${gateway.url}/ipfs/${tree.cid}?format=car`)
  t.equal(status, 200)
  t.match(headers, {
    'content-type': 'application/vnd.ipld.car; version=1; order=dfs; dups=n',
    'content-disposition': `attachment; filename="${tree.cid}.car"`,
  })
  const reader = await CarReader.fromBytes(body)
  t.same((await reader.getRoots()).map(String), [tree.cid])
  const [d, e] = [await store.stat(`${tree.cid}/d`), await store.stat(`${tree.cid}/e`)]
  const [a, big] = [await store.stat(`${tree.cid}/d/a`), await store.stat(`${tree.cid}/d/big`)]
  const cids = await cidsOf(body)
  t.same([cids.slice(0, 4), cids.length, cids.at(-1)], [[tree.cid, d.cid, a.cid, big.cid], 7, e.cid])
  t.same((await request(`${gateway.url}/ipfs/${tree.cid}?format=car`, {}, 'HEAD')).status, 200)
  const etag = String(headers.etag)
  t.equal((await request(`${gateway.url}/ipfs/${tree.cid}?format=car`, { 'if-none-match': etag })).status, 304)
  t.not((await request(`${gateway.url}/ipfs/${tree.cid}?format=car&dag-scope=block`)).headers.etag, etag)
})

t.test('a CAR of a path begins with the blocks that were walked', async (t) => {
  const { store, gateway } = await openNode(t, 'a')
  const tree = await store.addTree([{ path: 'd/big', content: noise('x', 3 * mebibyte) }, ...tiny({ 'd/a': 'a', top: 't' })])
  const [d, big] = [await store.stat(`${tree.cid}/d`), await store.stat(`${tree.cid}/d/big`)]
  const get = async (options: string) => cidsOf((await request(`${gateway.url}/ipfs/${tree.cid}/d${options}`)).body)
  const leaves = (await cidsOf((await request(`${gateway.url}/ipfs/${big.cid}?format=car`)).body)).slice(1)
  t.same(await get('?format=car&dag-scope=block'), [tree.cid, d.cid])
  t.same(await get('?format=car&dag-scope=entity'), [tree.cid, d.cid], 'a directory without its children')
  t.same(await get('/big?format=car&dag-scope=entity'), [tree.cid, d.cid, big.cid, ...leaves])
  t.same(await get(`/big?format=car&entity-bytes=${mebibyte}:${2 * mebibyte - 1}`), [tree.cid, d.cid, big.cid, leaves[1]])
  t.same(await get('/big?format=car&entity-bytes=0:0'), [tree.cid, d.cid, big.cid, leaves[0]])
  t.same(await get('/big?format=car&entity-bytes=-1:*'), [tree.cid, d.cid, big.cid, leaves[2]])
  t.same(await get(`/big?format=car&entity-bytes=${mebibyte - 1}:-${mebibyte}`), [tree.cid, d.cid, big.cid, leaves[0], leaves[1], leaves[2]])
  t.same(await get(`/big?format=car&entity-bytes=${9 * mebibyte}:*`), [tree.cid, d.cid, big.cid], 'wholly outside')
  t.same(await get('/a?format=car&entity-bytes=0:0'), [tree.cid, d.cid, (await store.stat(`${tree.cid}/d/a`)).cid])
})

t.test('a path leads through a directory that is a trie, whose entity is its shards', async (t) => {
  const { store, gateway } = await openNode(t, 'a')
  const tree = await store.addTree(Array.from({ length: 6000 }, (_, i) => ({ path: `file-${i}.txt`, content: Buffer.from(String(i)) })))
  const one = await store.stat(`${tree.cid}/file-77.txt`)
  const walked = await cidsOf((await request(`${gateway.url}/ipfs/${tree.cid}/file-77.txt?format=car`)).body)
  t.equal(walked[0], tree.cid)
  t.equal(walked.at(-1), one.cid)
  t.ok(walked.length <= 4)
  const shards = await cidsOf((await request(`${gateway.url}/ipfs/${tree.cid}?format=car&dag-scope=entity`)).body)
  t.ok(shards.length > 257 && shards.length < 1000)
  t.ok(shards.every((cid) => cid.startsWith('bafybei')))
})

t.test('a CAR ends where a block is missing', async (t) => {
  const { store, gateway } = await openNode(t, 'a')
  const here = await store.addFile(Buffer.from('here'), { name: 'here' })
  const linked = await store.link([here, { name: 'there', cid: absent, size: 11 }])
  const { status, body } = await request(`${gateway.url}/ipfs/${linked.cid}?format=car`)
  t.equal(status, 200)
  t.same(await cidsOf(body), [linked.cid, here.cid])
})

t.test('asking for nothing asks whether this is a gateway', async (t) => {
  const { gateway } = await openNode(t, 'a')
  const raw = await request(`${gateway.url}/ipfs/bafkqaaa?format=raw`)
  t.same([raw.status, raw.body.length], [200, 0])
  t.equal((await request(`${gateway.url}/ipfs/bafkqaaa?format=raw`, {}, 'HEAD')).status, 200)
  const car = await request(`${gateway.url}/ipfs/bafkqaaa?format=car`)
  t.same((await (await CarReader.fromBytes(car.body)).getRoots()).map(String), ['bafkqaaa'])
})

t.test('members only', async (t) => {
  const store = await openStore(t)
  const { cid } = await store.addFile(Buffer.from('secret'))
  const holders = async (asked: string) => (asked === cid ? [{ node: 'b', url: 'http://127.0.0.1:1' }] : undefined)
  for (const open of ['none', 'loopback', 'all'] as const) {
    const gateway = await openGateway(t, store, { open, holders })
    const status = async (path: string, headers: Record<string, string> = {}) => (await request(gateway.url + path, headers)).status
    const block = `/ipfs/${cid}?format=raw`
    const isOpen = open !== 'none'
    t.equal(await status(block), isOpen ? 200 : 403, `${open}: a stranger`)
    t.equal(await status(block, { 'x-member': 'forged' }), isOpen ? 200 : 401, `${open}: a forger`)
    t.equal(await status(block, member), 200)
    t.equal(await status(block, { host: 'rebound.example' }), open === 'all' ? 200 : 403, `${open}: under another name`)
    t.equal(await status(`/holders/${cid}`), 403, 'holders are for members, whatever is open')
    t.same(JSON.parse((await request(`${gateway.url}/holders/${cid}`, member)).body.toString()), [{ node: 'b', url: 'http://127.0.0.1:1' }])
    t.equal(await status(`/holders/${absent}`, member), 404)
    t.equal(await status('/holders/x', member), 400)
    t.same(JSON.parse((await request(`${gateway.url}/health`)).body.toString()), { node: 'node', boot: 7 })
  }
})

/** Being cut off may come as an error first: `once` would take that for its own. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

t.test('whoever does not finish his request is cut off', async (t) => {
  const gateway = await openGateway(t, await openStore(t), { headersMs: 200 })
  for (const begin of ['', 'GET /health HTTP/1.1\r\nhost: x\r\n']) {
    const socket = connect(gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    socket.write(begin)
    await closed(socket)
    t.pass(`after ${begin.length} bytes`)
  }
  const drip = connect(gateway.port, '127.0.0.1')
  drip.on('error', () => {})
  drip.resume()
  drip.write('GET /health HTTP/1.1\r\n')
  const timer = setInterval(() => drip.write('x: y\r\n'), 50)
  t.teardown(() => clearInterval(timer))
  await closed(drip)
  clearInterval(timer)
  t.pass('a header now and then does not help')
})

t.test('requests that are too large, or have a body, are refused and the connection ends', async (t) => {
  const gateway = await openGateway(t, await openStore(t))
  const answer = async (text: string) => {
    const socket = connect(gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(text)
    const pieces: Buffer[] = []
    socket.on('data', (piece: Buffer) => pieces.push(piece))
    await closed(socket)
    return Buffer.concat(pieces).toString().slice(9, 12)
  }
  t.equal(await answer(`GET /health HTTP/1.1\r\nhost: x\r\nlarge: ${'x'.repeat(20_000)}\r\n\r\n`), '431')
  t.equal(await answer('GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n'), '413')
  t.equal(await answer('GET /health HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n'), '413')
  t.equal(await answer('rubbish\r\n\r\n'), '400')
  t.equal((await request(`${gateway.url}/health`)).status, 200, 'and others are served as before')
})

t.test('a reader that stops taking bytes is cut off, one that goes away stops the reading', async (t) => {
  const store = await openStore(t)
  const { cid } = await store.addFile(noise('large', 40 * mebibyte))
  let read = 0
  const counting: Store = {
    ...store,
    getBlock(block) {
      read++
      return store.getBlock(block)
    },
  }
  const gateway = await openGateway(t, counting, { open: 'all', idleMs: 300 })
  for (const leaves of ['stops', 'goes away']) {
    read = 0
    const socket = connect(gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`GET /ipfs/${cid}?format=car HTTP/1.1\r\nhost: x\r\n\r\n`)
    await once(socket, 'data')
    socket.pause()
    if (leaves === 'goes away') socket.destroy()
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    const look = setInterval(() => {
      if (gateway.connections === 0) resolve()
    }, 20)
    await closed
    clearInterval(look)
    t.ok(read < 40, `${leaves}: ${read} blocks were read`)
    socket.destroy()
  }
})

t.test('a port that is taken says so', async (t) => {
  const store = await openStore(t)
  const { port } = await openGateway(t, store)
  await t.rejects(openGateway(t, store, { port }), { code: 'IO', message: new RegExp(`127.0.0.1:${port}`) })
})

t.test('closing ends what is being served', async (t) => {
  const store = await openStore(t)
  const { cid } = await store.addFile(noise('large', 40 * mebibyte))
  const gateway = await openGateway(t, store, { open: 'all' })
  const socket = connect(gateway.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`GET /ipfs/${cid}?format=car HTTP/1.1\r\nhost: x\r\n\r\n`)
  await once(socket, 'data')
  await gateway.close()
  socket.resume()
  await closed(socket)
  t.pass('the connection is gone')
})

t.test('what the agent tells is for members, and only under the paths it gave', async (t) => {
  const gateway = await openGateway(t, await openStore(t), { tells: { '/status': async () => ({ full: true }) } })
  t.same(await request(`${gateway.url}/status`, member).then(({ status, body }) => [status, JSON.parse(body.toString())]), [200, { full: true }])
  t.equal((await request(`${gateway.url}/status`)).status, 403)
  t.equal((await request(`${gateway.url}/status`, { 'x-member': 'forged' })).status, 401)
  for (const path of ['/queue', '/status/', '/toString', '/__proto__']) t.equal((await request(`${gateway.url}${path}`, member)).status, 404, path)
})

t.test('an order goes to the agent, which checks by itself who gives it; what it throws goes back', async (t) => {
  const orders: string[] = []
  const gateway = await openGateway(t, await openStore(t), {
    obeys: {
      async '/queue'({ headers, method, path, body }) {
        orders.push(`${method} ${path} ${headers['x-member']} ${Buffer.from(body).toString()}`)
        if (body.length === 0) throw new IpdcError('BUSY', { message: 'later', hint: 'wait' })
        return { dropped: 1 }
      },
    },
  })
  t.same(await post(`${gateway.url}/queue`, 'pause'), [200, '{"dropped":1}'])
  t.same(await post(`${gateway.url}/queue`, ''), [409, '{"code":"BUSY","message":"later","hint":"wait"}'])
  t.same(orders, ['POST /queue me pause', 'POST /queue me '])
  t.equal((await post(`${gateway.url}/queue`, 'x'.repeat(5_000)))[0], 413)
  t.equal((await post(`${gateway.url}/status`, 'pause'))[0], 405)
  t.equal(orders.length, 2)
})

async function post(url: string, body: string): Promise<[number, string]> {
  const answer = await fetch(url, { method: 'POST', headers: member, body })
  return [answer.status, await answer.text()]
}
