/**
 * The control socket: HTTP and NDJSON for clients of the same user (the socket's mode is 0600). This file speaks HTTP; what is
 * asked and answered stands in the routes beside it.
 */
import { chmod, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { codeOf, IpdcError, rowOf, toFailure, wrap } from '../../src/core/errors.ts'
import { createServer } from '../../src/core/http.ts'
import type { Log } from '../../src/core/log.ts'
import { drained } from '../../src/core/transfer/send.ts'

/** A JSON body, at most; what may be longer comes as lines. @default 16 MiB */
const maxJsonBytes = 16 << 20
/** @default 256 */
const maxConnections = 256

export interface Ask {
  readonly params: readonly string[]
  readonly query: URLSearchParams
  /** Ends when the client leaves or the agent stops. */
  readonly signal: AbortSignal
  readonly body: AsyncIterable<Uint8Array>
  json(): Promise<unknown>
}

/** A plain value becomes JSON; `lines` NDJSON; `bytes` the bytes; `held` an open answer until the client leaves. */
export type Answer =
  | { readonly json: unknown; readonly status?: number; readonly after?: () => void }
  | { readonly lines: AsyncIterable<unknown> }
  | { readonly bytes: AsyncIterable<Uint8Array> }
  | { readonly held: (signal: AbortSignal) => void }

export interface Route {
  readonly method: 'GET' | 'POST'
  /** Matched against the path; its groups are the `params`. */
  readonly path: RegExp
  answer(ask: Ask): Promise<Answer> | Answer
}

export async function listen({ socket, routes, log }: { readonly socket: string; readonly routes: readonly Route[]; readonly log: Log }) {
  const ending = new AbortController()
  const server = createServer({ keepAliveTimeout: 5_000 }, (request, response) => void serve(request, response))
  server.maxConnections = maxConnections
  server.requestTimeout = 0 // an upload takes as long as its source
  await rm(socket, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(wrap(error, 'IO', `Cannot listen on ${socket}`)))
    // Between listening and chmod nobody else may come in: the mask decides the mode at birth.
    const mask = process.umask(0o177)
    server.listen(socket, () => resolve())
    process.umask(mask)
  })
  await chmod(socket, 0o600)

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const leaving = new AbortController()
    response.once('close', () => leaving.abort())
    const signal = AbortSignal.any([leaving.signal, ending.signal])
    // Joined, not resolved: whatever stands in the request line is a path, `//` too.
    const url = new URL(`http://agent/${(request.url ?? '').replace(/^\//, '')}`)
    try {
      const found = match(routes, request.method ?? 'GET', url.pathname)
      const answer = await found.route.answer({ params: found.params, query: url.searchParams, signal, body: request, json: () => jsonOf(request) })
      await send(response, answer, signal)
    } catch (error) {
      if (signal.aborted && codeOf(error) !== undefined) log.debug({ err: error, url: url.pathname }, 'client left')
      else if (codeOf(error) === undefined || codeOf(error) === 'INTERNAL') log.error({ err: error, url: url.pathname }, 'control call failed')
      refuse(response, error)
    }
  }

  return {
    async close(): Promise<void> {
      ending.abort()
      server.close()
      server.closeIdleConnections()
      const closed = new Promise((resolve) => server.once('close', resolve))
      const rest = setTimeout(() => server.closeAllConnections(), 500)
      await closed
      clearTimeout(rest)
      await rm(socket, { force: true })
    },
  }
}

function match(routes: readonly Route[], method: string, path: string): { route: Route; params: string[] } {
  for (const route of routes) {
    const groups = route.path.exec(path)
    if (groups === null || route.method !== method) continue
    const params = decoded(groups.slice(1))
    if (params !== undefined) return { route, params }
  }
  throw new IpdcError('NOT_FOUND', {
    message: `The agent has no ${method} ${path}`,
    hint: 'Client and agent may be of different versions: ipdc down, then try again',
  })
}

/** Undefined where a part is no percent-encoded text. */
function decoded(parts: readonly string[]): string[] | undefined {
  try {
    return parts.map(decodeURIComponent)
  } catch {
    return undefined
  }
}

async function send(response: ServerResponse, answer: Answer, signal: AbortSignal): Promise<void> {
  if ('json' in answer) {
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer.json))
    if (answer.after !== undefined) response.once('close', answer.after)
  } else if ('held' in answer) {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' }).write('{}\n')
    answer.held(signal)
    signal.addEventListener('abort', () => response.end())
  } else if ('lines' in answer) {
    await stream(response, 'application/x-ndjson', ndjson(answer.lines), signal)
  } else {
    await stream(response, 'application/octet-stream', answer.bytes, signal)
  }
}

/** What breaks after the first line is the last one, `{"error": …}`: a client must know why. */
async function* ndjson(lines: AsyncIterable<unknown>): AsyncGenerator<string> {
  let hasBegun = false
  try {
    for await (const line of lines) {
      yield `${JSON.stringify(line)}\n`
      hasBegun = true
    }
  } catch (error) {
    if (!hasBegun) throw error
    yield `${JSON.stringify({ error: toFailure(error) })}\n`
  }
}

async function stream(response: ServerResponse, type: string, source: AsyncIterable<string | Uint8Array>, signal: AbortSignal): Promise<void> {
  const chunks = source[Symbol.asyncIterator]()
  try {
    // The first chunk comes before the head: what cannot be read at all still answers with its error.
    let turn = await chunks.next()
    response.writeHead(200, { 'content-type': type })
    for (; turn.done !== true; turn = await chunks.next()) await write(response, turn.value, signal)
    response.end()
  } finally {
    // A client that left must not leave its source open.
    await chunks.return?.()
  }
}

async function write(response: ServerResponse, bytes: string | Uint8Array, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (!response.write(bytes)) await drained(response)
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    // A stream that breaks must not look whole.
    response.destroy()
    return
  }
  const failure = toFailure(error)
  response.writeHead(statusOf(failure.code), { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(failure))
}

function statusOf(code: string): number {
  const byExit: Record<number, number> = { 2: 400, 65: 400, 66: 404, 69: 503, 75: 409, 77: 403, 124: 504 }
  return byExit[rowOf(code).exit] ?? 500
}

async function jsonOf(body: AsyncIterable<Uint8Array>): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > maxJsonBytes) throw new IpdcError('TOO_LARGE', { message: `A request of more than ${maxJsonBytes} bytes` })
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (cause) {
    throw new IpdcError('BAD_DATA', { message: 'The request is not JSON', cause })
  }
}
