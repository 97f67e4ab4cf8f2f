/**
 * A domain of real processes for tests: a broker, agents with homes of their own, all started from an empty environment (the test
 * runner's own would reach every descendant). Everything ends with the test, by its process id.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Test } from 'tap'
import { enrol } from '../../agent/membership.ts'
import { type Client, createClient } from '../../src/core/client/client.ts'
import { socketOf } from '../../src/core/client/home.ts'
import { foundDomain } from '../../src/core/trust/domain.ts'

export const root = join(import.meta.dirname, '../..')
/** The pinned Node, without what the runner's environment would add. */
export const node = process.execPath
export const cleanEnv: NodeJS.ProcessEnv = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/root', NODE_NO_WARNINGS: '1' }

export interface Node {
  readonly home: string
  readonly client: Client
  readonly pid: number
  readonly id: string
  /** Ends it at once, and waits until it is gone. */
  kill9(): Promise<void>
  signal(name: NodeJS.Signals): void
  /** Starts it again in the same home. */
  restart(): Promise<void>
  /** In good order. */
  stop(): Promise<void>
}

export interface Broker {
  readonly url: string
  readonly pid: number
  kill9(): Promise<void>
  /** On the same port, with nothing of before. */
  restart(): Promise<void>
}

export interface DomainOptions {
  readonly nodes: number
  readonly slots?: number
  readonly broker?: Broker
  readonly env?: NodeJS.ProcessEnv
}

export interface TestDomain {
  readonly broker: Broker
  readonly nodes: readonly Node[]
  /** The first node: where tests submit. */
  readonly first: Node
  readonly dir: string
}

export async function startDomain(t: Test, { nodes: count, slots = 1, broker, env = {} }: DomainOptions): Promise<TestDomain> {
  const dir = mkdtempSync(join(tmpdir(), 'ipdc-test-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const made = foundDomain('test')
  const used = broker ?? (await startEmbeddedBroker(t))
  const nodes: Node[] = []
  for (let index = 0; index < count; index++) {
    const home = join(dir, `node-${index}`)
    await mkdir(home, { mode: 0o700 })
    await enrol(home, made, Date.now())
    nodes.push(await startNode(t, { home, flags: ['--broker', used.url, '--slots', String(slots), '--name', `node-${index}`], env }))
  }
  const [first] = nodes
  if (first === undefined) throw new Error('a domain of no nodes')
  await allSeen(first, count)
  return { broker: used, nodes, first, dir }
}

/** Resolves when the node sees that many members up. */
export async function allSeen({ client }: Node, count: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await client.nodes()).filter(({ state }) => state === 'up').length >= count) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`not all of ${count} nodes were seen`)
}

export async function startNode(t: Test, { home, flags = [], env = {} }: { home: string; flags?: readonly string[]; env?: NodeJS.ProcessEnv }): Promise<Node> {
  let child: ChildProcess
  let id = ''
  const start = async () => {
    const log = createWriteStream(join(home, 'agent.log'), { flags: 'a' })
    child = spawn(node, [join(root, 'bin/agent.js'), '--home', home, ...flags, '--ready-fd', '3', '--lifeline-fd', '4'], {
      env: { ...cleanEnv, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    })
    child.stdout?.pipe(log, { end: false })
    child.stderr?.pipe(log, { end: false })
    const line = await firstLine(child.stdio[3] as Readable)
    const said = JSON.parse(line ?? '{"error":{"message":"it ended"}}') as { node?: string; error?: { message: string } }
    if (said.node === undefined) throw new Error(`agent in ${home}: ${said.error?.message}`)
    id = said.node
  }
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }
  await start()
  t.teardown(() => end('SIGKILL'))
  return {
    home,
    client: createClient(socketOf(home)),
    get pid() {
      return child.pid ?? 0
    },
    get id() {
      return id
    },
    kill9: () => end('SIGKILL'),
    signal: (name) => void child.kill(name),
    restart: start,
    stop: () => end('SIGTERM'),
  }
}

export async function startEmbeddedBroker(t: Test): Promise<Broker> {
  let child: ChildProcess
  let url = ''
  const start = async (port: string) => {
    child = spawn(node, [join(root, 'test/system/broker.ts'), port], { env: cleanEnv, stdio: ['pipe', 'pipe', 'inherit'] })
    const line = await firstLine(child.stdout as Readable)
    if (line === undefined) throw new Error('the broker did not start')
    url = line
  }
  const kill9 = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }
  await start('0')
  t.teardown(kill9)
  return {
    get url() {
      return url
    },
    get pid() {
      return child.pid ?? 0
    },
    kill9,
    restart: () => start(new URL(url).port),
  }
}

async function firstLine(stream: Readable): Promise<string | undefined> {
  for await (const line of createInterface({ input: stream })) return line
  return undefined
}
