/** Nodes of a small domain for these tests: each a store behind a gateway; whoever names himself in a header is a member. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { IpdcError } from '../../../src/core/errors.ts'
import { type Log, silent } from '../../../src/core/log.ts'
import type { Store } from '../../../src/core/ports.ts'
import { createEmbeddedStore } from '../../../src/core/store/embedded.ts'
import type { Holder, SignHeaders } from '../../../src/core/transfer/ask.ts'
import { createFetcher, type FetcherOptions, type Lookup } from '../../../src/core/transfer/fetch.ts'
import { createGateway, type GatewayOptions } from '../../../src/core/transfer/gateway.ts'

export const headers: SignHeaders = () => ({ 'x-member': 'me' })

export async function openStore(t: Test): Promise<Store> {
  const path = await mkdtemp(join(tmpdir(), 'ipdc-transfer-'))
  const store = await createEmbeddedStore({ path, limit: 2 ** 30, log: silent })
  t.teardown(async () => {
    await store.close()
    await rm(path, { recursive: true, force: true })
  })
  return store
}

export async function openGateway(t: Test, store: Store, options: Partial<GatewayOptions> = {}) {
  const gateway = await createGateway({
    store,
    host: '127.0.0.1',
    port: 0,
    open: 'none',
    check(headers) {
      const member = headers['x-member']
      if (typeof member !== 'string') throw new IpdcError('NOT_MEMBER', { message: 'no member' })
      if (member === 'forged') throw new IpdcError('BAD_SIGNATURE', { message: 'forged' })
      return member
    },
    holders: async () => undefined,
    health: { node: 'node', boot: 7 },
    log: silent,
    ...options,
  })
  t.teardown(() => gateway.close())
  return gateway
}

/** A store, its gateway, and how others name it; `requests` are the paths that it was asked for. */
export async function openNode(t: Test, node: string) {
  const store = await openStore(t)
  const requests: string[] = []
  const gateway = await openGateway(t, store, {
    check(_headers, _method, path) {
      requests.push(path)
      return 'me'
    },
  })
  return { store, gateway, requests, holder: { node, url: gateway.url } satisfies Holder }
}

/** A server that does whatever a test wants. */
export async function openHostile(
  t: Test,
  node: string,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Holder & { readonly requests: string[] }> {
  const requests: string[] = []
  const server = createServer({ maxHeaderSize: 1 << 20 }, (request, response) => {
    requests.push(request.url ?? '')
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { node, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

/** A port that nobody listens on. */
export async function openNobody(node: string): Promise<Holder> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return { node, url: `http://127.0.0.1:${port}` }
}

export interface Logged {
  readonly message: string
  readonly fields: Record<string, unknown>
}

export function recording(): { log: Log; lines: Logged[] } {
  const lines: Logged[] = []
  const line = (fields: object, message: string) => {
    lines.push({ message, fields: { ...fields } })
  }
  const log: Log = { debug: line, info: line, warn: line, error: line, child: () => log }
  return { log, lines }
}

export function fetcherOf(store: Store, holders: Lookup, options: Partial<FetcherOptions> = {}) {
  return createFetcher({ store, holders, headers, log: silent, progressMs: 2_000, ...options })
}

/** Holders by address; what is not in the table is not known. */
export function table(entries: Record<string, readonly Holder[]>): Lookup {
  return async (cid) => entries[cid]
}

export interface Answered {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: Buffer
}

export function request(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const asked = get(url, { headers, method, agent: false }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) }))
    })
    asked.on('error', reject)
  })
}
