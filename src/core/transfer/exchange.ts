/**
 * One small question to one node, or one order, and its answer in JSON. Nothing that comes back is believed: it has a bound, a time
 * and, at whoever asks, a schema.
 */
import * as v from 'valibot'
import { fromFailure, IpdcError } from '../errors.ts'
import { request } from '../http.ts'
import type { Ms } from '../kind.ts'
import { connections, type Holder } from './ask.ts'

/** Of an answer. @default 1 MiB */
const maxAnswerBytes = 1 << 20

export interface Question {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly signal?: AbortSignal
  /** For the whole answer. */
  readonly timeoutMs: Ms
}

const Failure = v.object({
  code: v.pipe(v.string(), v.maxLength(64)),
  message: v.pipe(v.string(), v.maxLength(2000)),
  hint: v.exactOptional(v.pipe(v.string(), v.maxLength(500))),
})

/** @throws UNREACHABLE it does not answer, or not as it should; else what it answers as its error */
export async function exchange(node: Holder, question: Question): Promise<unknown> {
  const late = AbortSignal.timeout(question.timeoutMs)
  const signal = question.signal === undefined ? late : AbortSignal.any([question.signal, late])
  let answer: { readonly status: number; readonly text: string }
  try {
    answer = await send(node, question, signal)
  } catch (cause) {
    question.signal?.throwIfAborted()
    const why = late.aborted ? `no answer within ${question.timeoutMs / 1000} s` : (cause as Error).message
    throw new IpdcError('UNREACHABLE', { message: `Asking ${node.node} at ${node.url}: ${why}`, cause })
  }
  const { status, text } = answer
  const value = parse(text)
  if (status === 200 && value !== undefined) return value
  const failure = v.safeParse(Failure, value)
  if (failure.success) throw fromFailure(failure.output)
  const refused = status === 401 || status === 403
  throw new IpdcError(refused ? 'REFUSED' : 'UNREACHABLE', {
    message: `Asking ${node.node} at ${node.url}: ${status === 404 ? 'it does not know the question' : `status ${status}`}`,
    ...(status === 404 ? { hint: 'Its agent may be of an older version' } : {}),
  })
}

function send(node: Holder, { method, path, headers, body }: Question, signal: AbortSignal): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    // What a node announces as its address need not be one.
    if (!URL.canParse(node.url) || !node.url.startsWith('http://')) throw new Error('not an address that can be asked')
    const { host, hostname, port } = new URL(node.url)
    const length = body === undefined ? {} : { 'content-length': body.length, 'content-type': 'application/json' }
    // An order is not sent twice: a kept connection that breaks would leave in doubt whether it was heard.
    const agent = method === 'GET' ? connections : false
    const asked = request({ agent, method, hostname: hostname.replace(/^\[|\]$/g, ''), port, path, headers: { host, ...length, ...headers }, signal })
    asked.once('error', reject)
    asked.once('response', (response) => {
      const pieces: Uint8Array[] = []
      let size = 0
      response.on('data', (piece: Uint8Array) => {
        pieces.push(piece)
        size += piece.length
        if (size > maxAnswerBytes) asked.destroy(new Error('an endless answer'))
      })
      response.once('error', reject)
      response.once('close', () => reject(new Error('it broke off')))
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString() }))
    })
    asked.end(body)
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
