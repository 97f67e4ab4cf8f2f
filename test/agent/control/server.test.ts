import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { listen, type Route } from '../../../agent/control/server.ts'
import { IpdcError } from '../../../src/core/errors.ts'
import { silent } from '../../../src/core/log.ts'
import { folder } from '../rooms.ts'

interface Said {
  readonly status: number | undefined
  readonly type: string | undefined
  readonly text: string
}

async function open(t: Test, routes: readonly Route[]) {
  const socket = join(await folder(t), 'agent.sock')
  const server = await listen({ socket, routes, log: silent })
  t.teardown(() => server.close())
  const start = (path: string, options: RequestOptions = {}) => request({ socketPath: socket, path, agent: false, ...options })
  /** Resolves with the answer's head. */
  const head = (path: string, options: RequestOptions = {}, body?: string | Uint8Array): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      start(path, options).on('response', resolve).on('error', reject).end(body)
    })
  const ask = async (path: string, options: RequestOptions = {}, body?: string | Uint8Array): Promise<Said> => {
    const answer = await head(path, options, body)
    let text = ''
    for await (const chunk of answer) text += String(chunk)
    return { status: answer.statusCode, type: answer.headers['content-type'], text }
  }
  const post = (path: string, body: string | Uint8Array) => ask(path, { method: 'POST' }, body)
  return { socket, server, start, head, ask, post }
}

const route = (path: string, answer: Route['answer'], method: Route['method'] = 'GET'): Route => ({ method, path: new RegExp(`^${path}$`), answer })

t.test('the socket is for its owner only, also where the mask would allow more', async (t) => {
  const mask = process.umask(0)
  t.teardown(() => process.umask(mask))
  const { socket } = await open(t, [])
  t.equal((await stat(socket)).mode & 0o777, 0o600)
  t.equal(process.umask(), 0, 'the mask is as it was')
})

t.test('a route gets the parts of its path and the query, and answers JSON', async (t) => {
  const { ask } = await open(t, [
    route('/v1/things/([^/]+)', ({ params, query }) => ({ json: { params, q: query.get('q') } })),
    route('/v1/made', () => ({ json: {}, status: 201 })),
  ])
  t.same(await ask('/v1/things/a%2Fb?q=%C3%A9'), { status: 200, type: 'application/json', text: '{"params":["a/b"],"q":"é"}' })
  t.match(await ask('/v1/made'), { status: 201 })
})

t.test('what it does not know is 404, with an error that says what to do; no request harms it', async (t) => {
  const { ask, socket } = await open(t, [route('/v1/things/([^/]+)', () => ({ json: {} }))])
  for (const path of ['/v1/nothing', '/', '//', '/v1/things/%', '/v1/things/%E0%A4%A', '*']) {
    const { status, type, text } = await ask(path)
    t.match({ status, type, error: JSON.parse(text) }, { status: 404, type: 'application/json', error: { code: 'NOT_FOUND', hint: /ipdc down/ } }, path)
  }
  t.match(await ask('/v1/things/a', { method: 'POST' }), { status: 404 }, 'another method')
  const raw = connect(socket)
  raw.end('nonsense\r\n\r\n')
  const chunks: Buffer[] = []
  for await (const chunk of raw) chunks.push(chunk)
  t.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 400/)
  t.match(await ask('/v1/things/a'), { status: 200 })
})

t.test('the code of an error decides the status, and the error comes as it is', async (t) => {
  let code: ConstructorParameters<typeof IpdcError>[0] = 'USAGE'
  const { ask } = await open(t, [
    route('/fails', () => {
      throw new IpdcError(code, { message: 'planned', hint: 'do this' })
    }),
    route('/breaks', () => {
      throw new TypeError('a defect')
    }),
  ])
  const statuses = {
    USAGE: 400,
    BAD_DATA: 400,
    NOT_FOUND: 404,
    NO_NODES: 503,
    BUSY: 409,
    ALREADY_RUNNING: 409,
    REFUSED: 403,
    TIMEOUT: 504,
    IO: 500,
    TASK_FAILED: 500,
  } as const
  for (const each of Object.keys(statuses) as (keyof typeof statuses)[]) {
    code = each
    const { status, text } = await ask('/fails')
    t.same({ status, error: JSON.parse(text) }, { status: statuses[each], error: { code: each, message: 'planned', hint: 'do this' } })
  }
  const { status, text } = await ask('/breaks')
  t.match({ status, error: JSON.parse(text) }, { status: 500, error: { code: 'INTERNAL', message: 'a defect' } })
})

t.test('a body that is not JSON is refused, and one over 16 MiB, however it comes', async (t) => {
  let heard: unknown
  const { post, start } = await open(t, [
    route(
      '/json',
      async ({ json }) => {
        heard = await json()
        return { json: {} }
      },
      'POST',
    ),
  ])
  t.match(await post('/json', '{"a":'), { status: 400, text: /BAD_DATA/ })
  t.match(await post('/json', ''), { status: 400, text: /BAD_DATA/ })
  t.match(await post('/json', '{"a":[1,"é"]}'), { status: 200 })
  t.same(heard, { a: [1, 'é'] })
  heard = undefined
  t.match(await post('/json', `"${'x'.repeat(16 << 20)}"`), { status: 400, text: /TOO_LARGE/ })
  // In pieces, by somebody who goes on until all is said.
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asking = start('/json', { method: 'POST' }).on('response', resolve).on('error', reject)
    const piece = Buffer.alloc(1 << 20, 'x')
    const write = (left: number): void => {
      if (left === 0) asking.end()
      else asking.write(piece, () => write(left - 1))
    }
    write(40)
  })
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  t.match({ status: answer.statusCode, text }, { status: 400, text: /TOO_LARGE/ })
  t.equal(heard, undefined)
})

t.test('an upload that is refused on its way hears why', async (t) => {
  const { post } = await open(t, [
    route(
      '/upload',
      async ({ body }) => {
        let size = 0
        for await (const chunk of body) {
          size += chunk.length
          if (size > 1 << 20) throw new IpdcError('DISK_FULL', { message: 'planned' })
        }
        return { json: { size } }
      },
      'POST',
    ),
  ])
  t.match(await post('/upload', new Uint8Array(1000)), { status: 200, text: '{"size":1000}' })
  t.match(await post('/upload', new Uint8Array(8 << 20)), { status: 500, text: /DISK_FULL/ })
})

t.test(
  'lines are NDJSON; what cannot be read at all answers with its error, what breaks later says so in its last line, or breaks the connection',
  async (t) => {
    async function* lines(count: number) {
      for (let i = 0; i < count; i++) yield { i }
      throw new IpdcError('NOT_FOUND', { message: 'planned' })
    }
    async function* few() {
      yield { a: 1 }
      yield 'b'
    }
    async function* none() {}
    const { ask } = await open(t, [
      route('/few', () => ({ lines: few() })),
      route('/none', () => ({ lines: none() })),
      route('/lines/([0-9])', ({ params }) => ({ lines: lines(Number(params[0])) })),
      route('/bytes/([0-9])', ({ params }) => ({
        bytes: (async function* () {
          for await (const line of lines(Number(params[0]))) yield Buffer.from(JSON.stringify(line))
        })(),
      })),
    ])
    t.same(await ask('/few'), { status: 200, type: 'application/x-ndjson', text: '{"a":1}\n"b"\n' })
    t.same(await ask('/none'), { status: 200, type: 'application/x-ndjson', text: '' })
    for (const what of ['lines', 'bytes']) {
      t.match(await ask(`/${what}/0`), { status: 404, type: 'application/json', text: /NOT_FOUND/ }, `${what}: nothing was said yet`)
    }
    t.match(await ask('/lines/2'), { status: 200, text: /^\{"i":0\}\n\{"i":1\}\n\{"error":\{"code":"NOT_FOUND".*\}\}\n$/ })
    await t.rejects(ask('/bytes/2'), 'it must not look whole')
  },
)

t.test('a client that reads slowly holds back the source, and one that leaves ends it', async (t) => {
  const ended = Promise.withResolvers<void>()
  let made = 0
  let aborted = false
  const { head } = await open(t, [
    route('/endless', ({ signal }) => ({
      lines: (async function* () {
        signal.addEventListener('abort', () => {
          aborted = true
        })
        try {
          for (;;) {
            made++
            yield 'x'.repeat(65_536)
            await new Promise(setImmediate)
          }
        } finally {
          ended.resolve()
        }
      })(),
    })),
  ])
  const answer = await head('/endless')
  // Nobody reads: what fits into the buffers of both ends comes, no more.
  let before = -1
  while (before !== made) {
    before = made
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  t.ok(made > 1 && made < 100, `${made} lines of 64 KiB`)
  answer.destroy()
  await ended.promise
  t.ok(aborted)
})

t.test('a client that leaves while bytes are read ends the reading', async (t) => {
  const ended = Promise.withResolvers<void>()
  const { head } = await open(t, [
    route('/bytes', () => ({
      bytes: (async function* () {
        try {
          for (;;) yield new Uint8Array(65_536)
        } finally {
          ended.resolve()
        }
      })(),
    })),
  ])
  const answer = await head('/bytes')
  answer.destroy()
  await ended.promise
  t.pass()
})

t.test('a client that leaves ends what was begun for it', async (t) => {
  const begun = Promise.withResolvers<AbortSignal>()
  const { start } = await open(t, [
    route('/slow', ({ signal }) => {
      begun.resolve(signal)
      return new Promise(() => {})
    }),
  ])
  const asking = start('/slow').on('error', () => {})
  asking.end()
  const signal = await begun.promise
  t.notOk(signal.aborted)
  const left = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  asking.destroy()
  await left
  t.ok(signal.aborted)
})

t.test('a held answer lasts as long as its client', async (t) => {
  const held = Promise.withResolvers<AbortSignal>()
  const { head } = await open(t, [route('/held', () => ({ held: held.resolve }))])
  const answer = await head('/held')
  const signal = await held.promise
  t.equal(answer.statusCode, 200)
  t.notOk(signal.aborted)
  const over = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  answer.destroy()
  await over
  t.ok(signal.aborted)
})

t.test('what is to be done after an answer is done when the client has it', async (t) => {
  const after = Promise.withResolvers<void>()
  const { ask } = await open(t, [route('/stop', () => ({ json: {}, status: 202, after: after.resolve }))])
  t.match(await ask('/stop'), { status: 202, text: '{}' })
  await after.promise
  t.pass()
})

t.test('closing ends what is open, leaves no socket, and waits for nobody', async (t) => {
  const held = Promise.withResolvers<AbortSignal>()
  const { head, socket, server, ask } = await open(t, [route('/held', () => ({ held: held.resolve })), route('/ok', () => ({ json: {} }))])
  const answer = await head('/held')
  const ended = (async () => {
    for await (const chunk of answer) t.ok(chunk)
  })()
  const signal = await held.promise
  const began = performance.now()
  await server.close()
  await ended
  t.ok(signal.aborted)
  t.ok(performance.now() - began < 2_000)
  t.notOk(existsSync(socket))
  await t.rejects(ask('/ok'), { code: 'ENOENT' })
})

t.test('a socket that a killed agent left is taken over', async (t) => {
  const socket = join(await folder(t), 'agent.sock')
  const first = await listen({ socket, routes: [], log: silent })
  // The file stays as after a kill: nobody but the lock decides whose it is.
  const second = await listen({ socket, routes: [], log: silent })
  await first.close()
  await second.close()
  t.notOk(existsSync(socket))
})

t.test('where the socket cannot be made it is IO', async (t) => {
  await t.rejects(listen({ socket: join(await folder(t), 'absent', 'agent.sock'), routes: [], log: silent }), { code: 'IO' })
})
