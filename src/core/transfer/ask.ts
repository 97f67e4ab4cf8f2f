/**
 * One request to one holder. A holder is not trusted: it must begin to answer in time and go on in time, redirects are not followed,
 * and what went wrong is told in the few ways that matter to whoever asks the next one.
 */
import type { IncomingMessage } from 'node:http'
import * as v from 'valibot'
import { type Cid, isCid } from '../cids.ts'
import { IpdcError } from '../errors.ts'
import { Agent, request } from '../http.ts'
import { type NodeId, namePattern } from '../kind.ts'

export interface Holder {
  readonly node: NodeId
  /** Base URL of its gateway: `http://host:port`. */
  readonly url: string
}

/** `path` is as it stands in the request line. */
export type SignHeaders = (holder: Holder, method: string, path: string) => Record<string, string>

/**
 * absent: it says that it has it not. gone: nobody listens there, or its node is known to be gone. refused: it will not give it to us. lied: what it gave was not
 * what was asked for. unsure: it did not answer, or broke off: it may still have it.
 */
export type Miss = 'absent' | 'gone' | 'refused' | 'lied' | 'unsure'

export class AskError extends Error {
  readonly miss: Miss
  constructor(miss: Miss, holder: Holder, why: string, cause?: unknown) {
    super(`${holder.node} at ${holder.url}: ${why}`, { cause })
    this.name = 'AskError'
    this.miss = miss
  }
}

/** Connections to holders, kept for the next request. Idle ones hold no process up. */
export const connections = new Agent({ keepAlive: true, maxSockets: 16, maxTotalSockets: 128, maxFreeSockets: 4, scheduling: 'lifo' })

/** Without so much within `progressMs` of waiting, a holder is given up. @default 16 KiB */
const progressBytes = 16 << 10
/** How often a silent holder's node is looked up. A node that was stopped accepts connections and never answers. @default 1_000 (ms) */
const lookMs = 1_000

/** Whether a node is known to be gone, or suspected to be. */
export type IsGone = (node: NodeId) => boolean

export interface AskOptions {
  readonly agent: Agent
  readonly headers: SignHeaders
  readonly progressMs: number
  readonly signal: AbortSignal
  readonly isGone?: IsGone | undefined
}

/** Its body in pieces as they arrive. @throws AskError, at once or while it is read; what the signal says */
export async function ask(holder: Holder, path: string, options: AskOptions): Promise<AsyncIterable<Uint8Array>> {
  const response = await answerOf(holder, path, options, true)
  const status = response.statusCode ?? 0
  if (status === 200) return watched(response, holder, options)
  // Nothing of it is of use, and reading it would be at the holder's leisure.
  response.destroy()
  throw new AskError(missOfStatus(status), holder, `status ${status}`)
}

function missOfStatus(status: number): Miss {
  if (status === 404 || status === 410 || status === 412) return 'absent'
  if (status === 401 || status === 403) return 'refused'
  // No gateway of ours sends anybody elsewhere.
  return status < 400 ? 'lied' : 'unsure'
}

function answerOf(holder: Holder, path: string, options: AskOptions, mayRepeat: boolean): Promise<IncomingMessage> {
  const { agent, headers, progressMs, signal, isGone } = options
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    if (!URL.canParse(holder.url) || !holder.url.startsWith('http://')) throw new AskError('unsure', holder, 'not an address that can be asked')
    const { host, hostname, port } = new URL(holder.url)
    const asked = request({ agent, hostname: hostname.replace(/^\[|\]$/g, ''), port, path, headers: { host, ...headers(holder, 'GET', path) }, signal })
    let timer: NodeJS.Timeout | undefined
    const look = isGone && setInterval(() => isGone(holder.node) && asked.destroy(goneError(holder)), lookMs)
    // Waiting for a free connection of ours is not the holder's fault.
    asked.once('socket', () => {
      timer = setTimeout(() => asked.destroy(new AskError('unsure', holder, `no answer within ${progressMs / 1000} s`)), progressMs)
    })
    asked.once('response', (response) => {
      clearTimeout(timer)
      clearInterval(look)
      resolve(response)
    })
    asked.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      clearInterval(look)
      if (signal.aborted) reject(signal.reason)
      // The holder closed a connection that we kept, just as we used it again: that says nothing of this request.
      else if (mayRepeat && asked.reusedSocket && error.code === 'ECONNRESET') resolve(answerOf(holder, path, options, false))
      else reject(missOf(error, holder))
    })
    asked.end()
  })
}

async function* watched(response: IncomingMessage, holder: Holder, { progressMs, signal, isGone }: AskOptions): AsyncGenerator<Uint8Array> {
  const pieces: AsyncIterator<Uint8Array> = response[Symbol.asyncIterator]()
  const late = () => new AskError('unsure', holder, `less than ${progressBytes} bytes within ${progressMs / 1000} s`)
  let waited = 0
  let got = 0
  let isQuiet = false
  const look =
    isGone &&
    setInterval(() => {
      // Whoever gives bytes is there, whatever is said of him.
      if (isQuiet && isGone(holder.node)) response.destroy(goneError(holder))
      isQuiet = true
    }, lookMs)
  try {
    for (;;) {
      const start = performance.now()
      if (waited >= progressMs) throw late()
      // Only our waiting counts: a slow disk on our side is not the holder's fault.
      const timer = setTimeout(() => response.destroy(late()), progressMs - waited)
      const next = await pieces.next().finally(() => clearTimeout(timer))
      if (next.done === true) return
      waited += performance.now() - start
      got += next.value.length
      isQuiet = false
      if (got >= progressBytes) {
        waited = 0
        got = 0
      }
      yield next.value
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : missOf(error, holder)
  } finally {
    clearInterval(look)
    // Left early, the rest is not read: the connection is of no more use.
    if (!response.complete) response.destroy()
  }
}

export function goneError(holder: Holder): AskError {
  return new AskError('gone', holder, 'its node is gone')
}

function missOf(error: unknown, holder: Holder): AskError {
  if (error instanceof AskError) return error
  const code = (error as NodeJS.ErrnoException).code
  return new AskError(code === 'ECONNREFUSED' ? 'gone' : 'unsure', holder, code ?? String(error), error)
}

const Holders = v.pipe(
  v.array(v.object({ node: v.pipe(v.string(), v.regex(namePattern)), url: v.pipe(v.string(), v.maxLength(200), v.regex(/^http:\/\/[^/\s]+$/)) })),
  v.maxLength(1000),
)
const maxAnswerBytes = 1 << 20

/** Who holds an address, as a node with jobs knows; undefined where none of its jobs names it. @throws UNREACHABLE, REFUSED */
export async function askHolders(
  node: Holder,
  cid: Cid,
  { headers, signal, progressMs = 5_000 }: { headers: SignHeaders; signal: AbortSignal; progressMs?: number },
): Promise<readonly Holder[] | undefined> {
  if (!isCid(cid)) throw new IpdcError('BAD_DATA', { message: `Not an address: ${cid}` })
  try {
    const pieces: Uint8Array[] = []
    let length = 0
    for await (const piece of await ask(node, `/holders/${cid}`, { agent: connections, headers, progressMs, signal })) {
      pieces.push(piece)
      length += piece.length
      if (length > maxAnswerBytes) throw new AskError('lied', node, 'an endless list of holders')
    }
    return v.parse(Holders, JSON.parse(Buffer.concat(pieces).toString()))
  } catch (error) {
    if (signal.aborted) throw error
    if (error instanceof AskError && error.miss === 'absent') return undefined
    const refused = error instanceof AskError && error.miss === 'refused'
    throw new IpdcError(refused ? 'REFUSED' : 'UNREACHABLE', {
      message: `Asking ${node.node} who holds ${cid}: ${(error as Error).message}`,
      cause: error,
      cid,
    })
  }
}
