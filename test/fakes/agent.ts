/**
 * An agent's control API (src/core/client/api.ts) over a unix socket, without a domain: a store in memory, and jobs that are word
 * counts done at once or held until the test says so. For tests of whoever speaks to an agent.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AgentView, Artifact, Entry, JobEvent, JobView, NodeView, QueueEntry, Submit } from '../../src/core/client/api.ts'
import { IpdcError, toFailure } from '../../src/core/errors.ts'

type Stored = { readonly type: 'file'; readonly bytes: Buffer } | { readonly type: 'directory'; readonly entries: Map<string, string> }

export interface FakeOptions {
  readonly socket: string
  readonly home: string
  readonly throwAway?: boolean
  /** Jobs stay open until `finish`. */
  readonly hold?: boolean
  /** What the queue of its node lists, of so much that it holds. */
  readonly queue?: { readonly entries: readonly QueueEntry[]; readonly waiting: number }
  readonly onStop?: (now: boolean) => void
}

export interface FakeAgent {
  readonly socket: string
  readonly sessions: number
  readonly jobs: JobView[]
  /** Times that a path was asked for. */
  readonly asked: string[]
  add(bytes: string | Buffer): string
  addDirectory(entries: Readonly<Record<string, string>>): string
  /** Puts a job forward and tells whoever follows it. */
  change(id: string, change: Partial<JobView>): void
  warn(id: string, message: string): void
  finish(id: string): void
  /** Calls back when a session or a job has ended. */
  onQuiet(listener: () => void): void
  close(): Promise<void>
}

export async function createFakeAgent({ socket, home, throwAway = false, hold = false, queue, onStop }: FakeOptions): Promise<FakeAgent> {
  const stored = new Map<string, Stored>()
  const jobs = new Map<string, JobView>()
  const inputs = new Map<string, Submit>()
  const followers = new Set<(id: string, event: JobEvent) => void>()
  const quiet: (() => void)[] = []
  const sessions = new Set<ServerResponse>()
  const asked: string[] = []

  const put = (kind: 'bafkrei' | 'bafybei', content: Buffer, value: Stored) => {
    const cid = kind + base32(createHash('sha256').update(content).digest())
    stored.set(cid, value)
    return cid
  }
  const add = (bytes: string | Buffer) => put('bafkrei', Buffer.from(bytes), { type: 'file', bytes: Buffer.from(bytes) })
  const addDirectory = (entries: Readonly<Record<string, string>>) =>
    put('bafybei', Buffer.from(JSON.stringify(entries)), { type: 'directory', entries: new Map(Object.entries(entries).sort()) })
  const addTree = (files: readonly { path: string; bytes: Buffer }[]): string => {
    const below = Map.groupBy(files, ({ path }) => path.split('/')[0]!)
    return addDirectory(
      Object.fromEntries(
        [...below].map(([name, group]) => {
          const [first] = group
          if (group.length === 1 && first!.path === name) return [name, add(first!.bytes)]
          return [name, addTree(group.map(({ path, bytes }) => ({ path: path.slice(name.length + 1), bytes })))]
        }),
      ),
    )
  }

  const at = (address: string): string => {
    const [root = '', ...path] = address.split('/')
    let cid = root
    for (const name of path) {
      const value = stored.get(cid)
      cid = (value?.type === 'directory' ? value.entries.get(name) : undefined) ?? ''
    }
    if (!stored.has(cid)) throw new IpdcError('NOT_FOUND', { message: `No block ${root}`, cid: root })
    return cid
  }
  const filesOf = (cid: string): Buffer[] => {
    const value = stored.get(cid)!
    return value.type === 'file' ? [value.bytes] : [...value.entries.values()].flatMap(filesOf)
  }
  const entryOf = (name: string, cid: string): Entry => ({
    name,
    cid,
    size: filesOf(cid).reduce((sum, { length }) => sum + length, 0),
    type: stored.get(cid)!.type,
  })
  const artifactOf = (name: string, cid: string): Artifact => {
    const { size } = entryOf(name, cid)
    return { name, cid, size }
  }

  const tell = (id: string, event: JobEvent) => {
    for (const follower of followers) follower(id, event)
  }
  const change = (id: string, changed: Partial<JobView>) => {
    const job = { ...jobs.get(id)!, ...changed }
    jobs.set(id, job)
    tell(id, { is: job.state === 'open' ? 'job' : 'closed', job })
    if (job.state !== 'open') for (const listener of quiet) listener()
  }
  const finish = (id: string) => {
    const { job } = inputs.get(id)!
    const root = countWords(
      job as { k?: number; ignoreCase?: boolean },
      addressesIn(job).flatMap((address) => filesOf(at(address))),
    )
    const stage = (name: string, total: number) => ({ name, total, done: total, waiting: 0, running: 0, failed: 0, lost: 0 })
    change(id, {
      state: 'done',
      closed: new Date().toISOString(),
      root: artifactOf('', root),
      stages: [stage('map', 4), stage('reduce', 2)],
      nodes: { [fakeNode('a').id]: 4, [fakeNode('b').id]: 2 },
      ms: 1234,
    })
  }
  const countWords = ({ k = 3, ignoreCase = false }: { k?: number; ignoreCase?: boolean }, texts: readonly Buffer[]): string => {
    const counts = new Map<string, number>()
    for (const text of texts)
      for (const word of text.toString('latin1').split(/[ \t\n\v\f\r]+/))
        if (word !== '') counts.set(fold(word, ignoreCase), (counts.get(fold(word, ignoreCase)) ?? 0) + 1)
    const parts = Array.from({ length: k }, () => '')
    for (const [word, count] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) parts[word.length % k] += `${word}\t${count}\n`
    return addTree(parts.map((text, index) => ({ path: `part-${String(index).padStart(5, '0')}`, bytes: Buffer.from(text, 'latin1') })))
  }

  const jobOf = (begin: string): JobView => {
    const found = [...jobs.values()].find(({ id }) => id.startsWith(begin))
    if (found === undefined) throw new IpdcError('NOT_FOUND', { message: `No job ${begin}`, hint: 'ipdc job list' })
    return found
  }
  const queueView = { use: 'memory', waiting: queue?.waiting ?? 0, running: 0, limit: 6 }
  const agentView = (): AgentView => ({
    version: '0.1.0',
    pid: process.pid,
    home,
    node: fakeNode('a').id,
    name: 'ada',
    domain: { id: 'fake', name: 'fake', throwAway },
    broker: { is: 'up', url: 'mqtt://127.0.0.1:1883' },
    gateway: { url: 'http://127.0.0.1:1', servedBytes: 0, fetchedBytes: 0 },
    queue: queueView,
    store: { use: 'memory', path: home, blocks: stored.size, bytes: 0, limit: 1 },
    outbox: 0,
    refused: {},
    messages: { sent: {}, received: {} },
    loopMaxMs: 0,
    openJobs: [...jobs.values()].filter(({ state }) => state === 'open').length,
    upSeconds: 1,
  })

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://agent')
    const [, , noun, name = '', verb] = url.pathname.split('/').map(decodeURIComponent)
    const json = (value: unknown, status = 200) => void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    const query = (key: string) => url.searchParams.get(key) ?? ''
    asked.push(`${request.method} ${url.pathname}`)
    if (noun === 'nodes' && verb === 'queue') return json(queue?.entries ?? [])
    switch (`${request.method} ${noun}${noun === 'jobs' ? (verb ? `/:id/${verb}` : name ? '/:id' : '') : name ? `/${name}` : ''}`) {
      case 'GET agent':
        return json(agentView())
      case 'POST agent/stop': {
        const { now } = JSON.parse((await bytesOf(request)).toString()) as { now: boolean }
        json({}, 202)
        onStop?.(now)
        return
      }
      case 'GET nodes':
        return json(
          [fakeNode('a'), fakeNode('b')].map(
            (node, index): NodeView => ({ ...node, self: index === 0, ...(index === 0 ? { agent: agentView(), queue: queueView } : {}) }),
          ),
        )
      case 'POST jobs': {
        const submit = JSON.parse((await bytesOf(request)).toString()) as Submit
        const id = `${submit.label ?? submit.kind}-${String(jobs.size + 1).padStart(4, '7f3a')}`
        inputs.set(id, submit)
        jobs.set(id, { id, kind: submit.kind, state: 'open', term: 1, submitted: '2026-01-01T00:00:00.000Z', stages: [], nodes: {}, warnings: [], ms: 0 })
        json({ id }, 201)
        return hold ? undefined : finish(id)
      }
      case 'GET jobs':
        return json([...jobs.values()].reverse())
      case 'GET jobs/:id':
        return json(jobOf(name))
      case 'GET jobs/:id/events': {
        const { id } = jobOf(name)
        response.writeHead(200, { 'content-type': 'application/x-ndjson' })
        const write = (event: JobEvent) => {
          response.write(`${JSON.stringify(event)}\n`)
          if (event.is !== 'closed') return
          followers.delete(follower)
          response.end()
        }
        const follower = (of: string, event: JobEvent) => (of === id ? write(event) : undefined)
        followers.add(follower)
        response.on('close', () => followers.delete(follower))
        write({ is: 'job', job: jobOf(name) })
        if (jobOf(name).state !== 'open') write({ is: 'closed', job: jobOf(name) })
        return
      }
      case 'POST jobs/:id/cancel':
        if (jobOf(name).state === 'open') change(jobOf(name).id, { state: 'cancelled' })
        return json(jobOf(name))
      case 'POST store/file':
        return json(artifactOf(query('name'), add(await bytesOf(request))), 201)
      case 'POST store/paths': {
        const lines = (await bytesOf(request)).toString().split('\n').filter(Boolean)
        const paths = lines.map((line) => JSON.parse(line) as { path: string; file: string })
        return json(artifactOf('', addTree(await Promise.all(paths.map(async ({ path, file }) => ({ path, bytes: await readFile(file) }))))), 201)
      }
      case 'POST store/link': {
        const { artifacts } = JSON.parse((await bytesOf(request)).toString()) as { artifacts: Artifact[] }
        return json(artifactOf('', addDirectory(Object.fromEntries(artifacts.map(({ name, cid }) => [name, cid])))), 201)
      }
      case 'GET store/stat':
        return json(entryOf(query('address').split('/').at(-1) ?? '', at(query('address'))))
      case 'GET store/ls': {
        const value = stored.get(at(query('address')))!
        response.writeHead(200)
        for (const [entry, cid] of value.type === 'directory' ? value.entries : []) response.write(`${JSON.stringify(entryOf(entry, cid))}\n`)
        response.end()
        return
      }
      case 'GET store/cat': {
        const value = stored.get(at(query('address')))!
        if (value.type !== 'file') throw new IpdcError('BAD_DATA', { message: 'A directory has no bytes' })
        const offset = Number(query('offset'))
        response.end(value.bytes.subarray(offset, query('length') === '' ? undefined : offset + Number(query('length'))))
        return
      }
      case 'GET session':
        sessions.add(response)
        response.on('close', () => {
          sessions.delete(response)
          for (const listener of quiet) listener()
        })
        response.writeHead(200).write('{}\n')
        return
      default:
        throw new IpdcError('NOT_FOUND', { message: `No ${request.method} ${url.pathname}` })
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(
      (error: unknown) => void response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify(toFailure(error))),
    )
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socket, resolve))
  return {
    socket,
    asked,
    get sessions() {
      return sessions.size
    },
    get jobs() {
      return [...jobs.values()]
    },
    add,
    addDirectory,
    change,
    warn: (id, message) => tell(id, { is: 'warning', message }),
    finish,
    onQuiet: (listener) => void quiet.push(listener),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function fakeNode(letter: string): Omit<NodeView, 'self'> {
  const name = letter === 'a' ? 'ada' : 'ben'
  return {
    id: letter.repeat(52),
    name,
    state: 'up',
    addresses: ['http://127.0.0.1:1'],
    slots: 2,
    now: 2,
    room: 6,
    kinds: ['mr@1'],
    labels: [],
    engines: [],
    memory: 2 ** 30,
    version: '0.1.0',
    boot: 1,
    seenSeconds: 0.5,
  }
}

function addressesIn(value: unknown): string[] {
  if (typeof value === 'string') return /^baf(krei|ybei)[a-z2-7]{52}/.test(value) ? [value] : []
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(addressesIn) : []
}

function fold(word: string, ignoreCase: boolean): string {
  return ignoreCase ? word.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : word
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five.padEnd(5, '0'), 2)]).join('')
}
