/** HTTP to an agent over its unix socket: one question, one answer, and answers that are streams. Errors come back as IpdcErrors. */
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { codeOf, fromFailure, IpdcError, wrap } from '../errors.ts'
import { request } from '../http.ts'
import type { Failure } from '../kind.ts'

export interface Question {
  readonly method?: 'GET' | 'POST'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it comes. */
  readonly bytes?: AsyncIterable<Uint8Array>
  readonly signal?: AbortSignal | undefined
  /** How long an answer may take to begin, and what is thrown then. @default for ever */
  readonly patience?: Patience
}

export interface Patience {
  readonly ms: number
  late(): IpdcError
}

/** A line of an NDJSON answer, at most. @default 8 MiB */
const maxLineBytes = 8 * 2 ** 20

/**
 * The answer once its status says that it is one.
 * @throws what the agent answered; NO_AGENT where nobody listens; CANCELLED
 */
export async function ask(socketPath: string, question: Question): Promise<IncomingMessage> {
  try {
    const answer = await send(socketPath, question)
    if (answer.statusCode !== undefined && answer.statusCode < 300) return answer
    throw fromFailure(await failureOf(answer))
  } catch (error) {
    throw atBorder(error, socketPath, question)
  }
}

/** A whole JSON answer. */
export async function askJson<T>(socketPath: string, question: Question): Promise<T> {
  const answer = await ask(socketPath, question)
  try {
    return JSON.parse(await textOf(answer)) as T
  } catch (error) {
    throw atBorder(error, socketPath, question)
  }
}

/** The bytes of an answer. Leaving the loop ends the request. */
export async function* askBytes(socketPath: string, question: Question): AsyncIterable<Uint8Array> {
  const answer = await ask(socketPath, question)
  try {
    for await (const chunk of answer) yield chunk as Uint8Array
  } catch (error) {
    throw atBorder(error, socketPath, question)
  } finally {
    answer.destroy()
  }
}

/** An NDJSON answer, line by line. An answer that ends within a line was cut. */
export async function* askLines<T>(socketPath: string, question: Question): AsyncIterable<T> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of askBytes(socketPath, question)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') yield parsed<T>(line)
    if (rest.length > maxLineBytes) throw new IpdcError('TOO_LARGE', { message: `The agent sent a line of more than ${maxLineBytes} bytes` })
  }
  if (rest !== '') throw new IpdcError('NO_AGENT', { message: 'The answer broke off: the agent ended' })
}

function parsed<T>(line: string): T {
  const value = JSON.parse(line) as T | { error: Failure }
  // A stream that fails after its status has been sent says so in its last line.
  if (typeof value === 'object' && value !== null && 'error' in value && Object.keys(value).length === 1) throw fromFailure(value.error)
  return value as T
}

function send(socketPath: string, { method = 'GET', path, query, json, bytes, signal, patience }: Question): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const body = json === undefined ? undefined : JSON.stringify(json)
    const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    // No connection is kept: on a unix socket a new one costs nothing, and a kept one keeps an agent from ending.
    const asked = request({ socketPath, method, path: pathOf(path, query), headers, agent: false, ...(signal === undefined ? {} : { signal }) })
    asked.once('response', resolve)
    asked.once('error', reject)
    if (patience !== undefined) {
      const timer = setTimeout(() => asked.destroy(patience.late()), patience.ms)
      asked.once('response', () => clearTimeout(timer)).once('close', () => clearTimeout(timer))
    }
    if (bytes === undefined) asked.end(body)
    // An answer that comes before the body has gone (a refusal) closes the request: the answer is what counts then.
    else pipeline(source(bytes), asked).catch(reject)
  })
}

/** So that a file that cannot be read is not taken for a socket that cannot be reached. */
async function* source(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    yield* bytes
  } catch (error) {
    throw wrap(error, 'IO', 'The input could not be read')
  }
}

function pathOf(path: string, query: Question['query'] = {}): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value))
  return given.size === 0 ? path : `${path}?${given}`
}

async function failureOf(answer: IncomingMessage): Promise<Failure> {
  const text = await textOf(answer)
  try {
    const { code, message, hint, cid } = JSON.parse(text) as Partial<Failure>
    if (typeof code === 'string' && typeof message === 'string') return { code, message, ...(hint ? { hint } : {}), ...(cid ? { cid } : {}) }
  } catch {}
  return { code: 'INTERNAL', message: `The agent answered ${answer.statusCode}: ${text.slice(0, 200)}` }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  answer.setEncoding('utf8')
  let text = ''
  for await (const chunk of answer) text += chunk
  return text
}

const absent = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'])

function atBorder(error: unknown, socketPath: string, { signal }: Question): IpdcError {
  if (codeOf(error) !== undefined) return error as IpdcError
  if (signal?.aborted) return new IpdcError('CANCELLED', { message: 'The call was ended by its caller', cause: error })
  const errno = (error as { code?: unknown }).code
  if (typeof errno === 'string' && absent.has(errno))
    return new IpdcError('NO_AGENT', { message: `No agent runs here (nobody listens on ${socketPath})`, hint: 'ipdc up' })
  if (errno === 'ECONNRESET' || errno === 'EPIPE')
    return new IpdcError('NO_AGENT', { message: 'The answer broke off: the agent ended, or could not read on', cause: error })
  return wrap(error, 'INTERNAL', 'The agent could not be asked')
}
