/**
 * Serves this node's blocks over HTTP: a trustless gateway for members. What is asked for is given as it lies here; nothing is
 * fetched for others. A CID alone opens nothing: each request is signed by a member, unless the gateway is set open.
 *
 *   GET|HEAD /ipfs/{cid}?format=raw            one block; Range
 *   GET|HEAD /ipfs/{cid}[/path]?format=car     a CAR: dag-scope=block|entity|all, entity-bytes=from:to
 *   GET      /holders/{cid}                    members only: JSON of [{node, url}]; 404 where no job names that CID
 *   GET      /status, /queue …                 members only: JSON, whatever the agent tells under that path
 *   POST     /queue …                          an order of a member, JSON: whom the agent obeys is its own matter
 *   GET      /health                           anybody: JSON of {node, boot}
 */
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Cid, isCid } from '../cids.ts'
import { codeOf, IpdcError, toFailure, wrap } from '../errors.ts'
import { createServer } from '../http.ts'
import type { NodeId } from '../kind.ts'
import type { Log } from '../log.ts'
import type { Store } from '../ports.ts'
import { carHead, carStart } from '../store/car.ts'
import { isMissing } from '../store/missing.ts'
import { type Answer, common, json, probe, statusOf, text } from './answer.ts'
import type { Holder } from './ask.ts'
import { type Selection, select } from './selection.ts'
import { send } from './send.ts'
import { type Wanted, wanted } from './wanted.ts'

/** Connections at once, at most. */
const maxConnections = 256
/** Of an order. @default 4_096 (bytes) */
const maxOrderBytes = 4_096

export interface GatewayOptions {
  readonly store: Store
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Who may read without being a member: nobody, whoever is on this machine, or anybody. */
  readonly open: 'none' | 'loopback' | 'all'
  /** Who asks. @throws NOT_MEMBER, BAD_SIGNATURE */
  readonly check: (headers: IncomingHttpHeaders, method: string, path: string) => NodeId | Promise<NodeId>
  /** Undefined where this node's jobs name no such CID. */
  readonly holders: (cid: Cid) => Promise<readonly Holder[] | undefined>
  readonly health: { readonly node: NodeId; readonly boot: number }
  /** What members are told, by path. */
  readonly tells?: Readonly<Record<string, () => unknown>>
  /** What is done for members, by path. It checks by itself who asks. @throws what goes back to them */
  readonly obeys?: Readonly<Record<string, (order: Order) => Promise<unknown>>>
  readonly log: Log
  /** A request must be here whole within it. @default 10_000 (ms) */
  readonly headersMs?: number
  /** A response nobody takes a byte of for so long is given up. @default 60_000 (ms) */
  readonly idleMs?: number
}

export interface Order {
  readonly headers: IncomingHttpHeaders
  readonly method: string
  readonly path: string
  readonly body: Uint8Array
}

export interface Gateway {
  readonly url: string
  readonly port: number
  /** Bytes of blocks and CARs that were sent. */
  readonly servedBytes: number
  /** Open now. */
  readonly connections: number
  close(): Promise<void>
}

/** @throws IO: the port is taken */
export async function createGateway({
  store,
  host,
  port,
  open,
  check,
  holders,
  health,
  tells = {},
  obeys = {},
  log,
  headersMs = 10_000,
  idleMs = 60_000,
}: GatewayOptions): Promise<Gateway> {
  let servedBytes = 0
  const server = createServer({
    noDelay: true,
    headersTimeout: headersMs,
    requestTimeout: headersMs,
    keepAliveTimeout: idleMs,
    connectionsCheckingInterval: Math.min(2_000, headersMs),
  })
  server.maxConnections = maxConnections
  server.setTimeout(idleMs)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    // Who connects and says nothing has no request that could be late.
    socket.setTimeout(headersMs)
    socket.once('close', () => sockets.delete(socket))
  })

  server.on('request', (request, response) => {
    request.socket.setTimeout(idleMs)
    answer(request, response).catch((error: unknown) => {
      log.error({ path: request.url, error: String(error) }, 'gateway request failed')
      // Under way already, only a broken connection can say that it is not whole.
      if (response.headersSent) response.destroy()
      else reply(request, response, { status: 500 }).catch(() => response.destroy())
    })
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? ''
    if (request.method === 'POST' && Object.hasOwn(obeys, path)) return obey(request, response, path)
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(request, response, 405, 'Only GET and HEAD')
    if (request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0)
      return refuse(request, response, 413, 'No body, please')
    if (path === '/health') return reply(request, response, json(health))
    const isBlock = path.startsWith('/ipfs/')
    const tell = Object.hasOwn(tells, path) ? tells[path] : undefined
    if (!isBlock && tell === undefined && !path.startsWith('/holders/')) return refuse(request, response, 404, 'Not a path of this gateway')
    if (!(isBlock && isOpenTo(request, open))) {
      try {
        await check(request.headers, request.method, path)
      } catch (error) {
        log.debug({ path, from: request.socket.remoteAddress, reason: codeOf(error) }, 'gateway refused')
        return refuse(request, response, codeOf(error) === 'BAD_SIGNATURE' ? 401 : 403, 'For members of the domain only')
      }
    }
    if (tell !== undefined) return reply(request, response, json(await tell()))
    await reply(request, response, isBlock ? await blocks(request, wanted(path, request.headers.accept)) : await holdersOf(path.slice('/holders/'.length)))
  }

  /** An order is small, and wholly here before anything is made of it. */
  async function obey(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const pieces: Uint8Array[] = []
    let length = 0
    for await (const piece of request as AsyncIterable<Uint8Array>) {
      pieces.push(piece)
      length += piece.length
      if (length > maxOrderBytes) return refuse(request, response, 413, 'Too long for an order')
    }
    try {
      const done = await obeys[path]?.({ headers: request.headers, method: 'POST', path, body: Buffer.concat(pieces) })
      await reply(request, response, json(done ?? {}))
    } catch (error) {
      const failure = toFailure(error)
      // Strangers shall not fill the log.
      const say = failure.code === 'NOT_MEMBER' || failure.code === 'BAD_SIGNATURE' ? log.debug : log.warn
      say.call(log, { path, from: request.socket.remoteAddress, err: error }, 'order not carried out')
      await reply(request, response, { ...json(failure), status: statusOf(failure.code) })
    }
  }

  async function holdersOf(cid: string): Promise<Answer> {
    if (!isCid(cid)) return text(400, 'Not an address')
    const list = await holders(cid)
    return list === undefined ? text(404, 'Nobody here names that address') : json(list)
  }

  async function blocks(request: IncomingMessage, want: Wanted): Promise<Answer> {
    if (want.is === 'wrong') return text(want.status, want.why)
    if (want.is === 'probe') return probe(want.format)
    try {
      return want.is === 'raw' ? await raw(request, want) : await car(request, want)
    } catch (error) {
      const code = codeOf(error)
      if (isMissing(error)) return text(request.headers['cache-control']?.includes('only-if-cached') ? 412 : 404, (error as Error).message)
      if (code === 'BAD_DATA' || code === 'BAD_PATH') return text(400, (error as Error).message)
      throw error
    }
  }

  async function raw(request: IncomingMessage, { cid, path, filename }: Wanted & { is: 'raw' }): Promise<Answer> {
    const etag = `"${cid}.raw"`
    if (!(await store.has(cid))) throw new IpdcError('NOT_FOUND', { message: `Block ${cid} is not here`, cid })
    if (isKnown(request, etag)) return { status: 304, headers: { etag } }
    const block = await store.getBlock(cid)
    const headers = { ...common(path, [cid], etag, filename ?? `${cid}.bin`), 'content-type': 'application/vnd.ipld.raw', 'accept-ranges': 'bytes' }
    const range = rangeOf(request.headers.range, block.length)
    if (range === 'wrong') return { status: 416, headers: { 'content-range': `bytes */${block.length}` } }
    if (range === undefined) return { status: 200, headers: { ...headers, 'content-length': block.length }, body: block }
    const part = block.subarray(range.from, range.to + 1)
    return {
      status: 206,
      headers: { ...headers, 'content-length': part.length, 'content-range': `bytes ${range.from}-${range.to}/${block.length}` },
      body: part,
    }
  }

  async function car(request: IncomingMessage, want: Wanted & { is: 'car' }): Promise<Answer> {
    const { address, path, scope, bytes } = want
    const etag = `W/"${want.root}.car.${createHash('sha256')
      .update(JSON.stringify([address, scope, bytes]))
      .digest('hex')
      .slice(0, 16)}"`
    const selection = await select(store, address, scope, bytes)
    if (isKnown(request, etag)) return { status: 304, headers: { etag } }
    const headers = common(path, selection.chain, etag, want.filename ?? `${want.root}.car`)
    return {
      status: 200,
      headers: { ...headers, 'content-type': 'application/vnd.ipld.car; version=1; order=dfs; dups=n', 'accept-ranges': 'none' },
      body: carOf(want.root, selection),
    }
  }

  async function reply(request: IncomingMessage, response: ServerResponse, { status, headers, body }: Answer): Promise<void> {
    response.writeHead(status, headers)
    if (request.method === 'HEAD' || body === undefined) {
      response.end()
    } else if (body instanceof Uint8Array) {
      if (request.url?.startsWith('/ipfs/') && status < 300) servedBytes += body.length
      response.end(body)
    } else {
      await send(response, body, (sent) => {
        servedBytes += sent
      })
    }
  }

  /** A request that is not understood may have more behind it: the connection ends with it. */
  function refuse(request: IncomingMessage, response: ServerResponse, status: number, why: string): Promise<void> {
    const { headers, body } = text(status, why)
    return reply(request, response, {
      status,
      headers: { ...headers, ...(status === 413 || status === 405 ? { connection: 'close' } : {}) },
      ...(body === undefined ? {} : { body }),
    })
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(wrap(error, 'IO', `Listening on ${host}:${port}`)))
    server.listen(port, host, resolve)
  })
  const address = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    port: address.port,
    get servedBytes() {
      return servedBytes
    },
    get connections() {
      return sockets.size
    },
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

async function* carOf(root: Cid, { blocks }: Selection): AsyncGenerator<Uint8Array> {
  yield carStart(root)
  for await (const { cid, bytes } of blocks) {
    yield carHead(cid, bytes.length)
    yield bytes
  }
}

/** A page in a browser on this machine could ask under a name of its own that leads here: it is told by that name. */
function isOpenTo({ socket, headers }: IncomingMessage, open: 'none' | 'loopback' | 'all'): boolean {
  if (open !== 'loopback') return open === 'all'
  const from = socket.remoteAddress ?? ''
  return /^(?:::1$|(?:::ffff:)?127\.)/.test(from) && /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/.test(headers.host ?? '')
}

function isKnown({ headers }: IncomingMessage, etag: string): boolean {
  return (headers['if-none-match'] ?? '').split(',').some((known) => known.trim() === etag || known.trim() === '*')
}

/** One range of a block; several are answered by the whole. */
function rangeOf(header: string | undefined, length: number): { readonly from: number; readonly to: number } | 'wrong' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '')
  if (match === null || (match[1] === '' && match[2] === '')) return undefined
  const from = match[1] === '' ? Math.max(0, length - Number(match[2])) : Number(match[1])
  const to = match[1] === '' || match[2] === '' ? length - 1 : Math.min(Number(match[2]), length - 1)
  return from >= length || from > to ? 'wrong' : { from, to }
}
