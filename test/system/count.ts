/** A word count over a domain of real processes, by the client that commands use: what was counted, by whom, and what came back. */
import type { Test } from 'tap'
import type { JobView } from '../../src/core/client/api.ts'
import type { JobEvent } from '../../src/core/views.ts'
import type { Node } from './launch.ts'

export interface CountOptions {
  readonly files: readonly string[]
  readonly k?: number
  readonly splitBytes?: number
  readonly nodes?: number
}

export async function submitCount({ client }: Node, { files, k = 3, splitBytes = 64 << 10, nodes }: CountOptions): Promise<string> {
  const { cid } = await client.addPaths(files.map((file, i) => ({ path: `${String(i).padStart(3, '0')}.txt`, file })))
  return client.submit({ kind: 'mr', job: { program: 'wordcount', input: cid, k, splitBytes }, label: 'count', ...(nodes === undefined ? {} : { nodes }) })
}

/** Follows a job to its end. `seen` hears each event of a task as it happens. */
export async function follow({ client }: Node, id: string, seen: (event: JobEvent & { is: 'task' }) => void | Promise<void> = () => {}): Promise<JobView> {
  for await (const event of client.events(id, { tasks: true })) {
    if (event.is === 'task') await seen(event)
    if (event.is === 'closed') return event.job
  }
  throw new Error(`the events of ${id} ended before the job did`)
}

export async function partsOf({ client }: Node, root: string): Promise<Buffer[]> {
  const parts: Buffer[] = []
  for await (const { cid } of client.ls(root)) {
    const chunks: Uint8Array[] = []
    for await (const chunk of client.cat(cid)) chunks.push(chunk)
    parts.push(Buffer.concat(chunks))
  }
  return parts
}

/** At least two nodes ran tasks, and their gateways served bytes to each other. */
export async function tookPart(t: Test, nodes: readonly Node[], tasks: JobView['nodes']): Promise<void> {
  t.ok(Object.values(tasks).filter((count) => count > 0).length >= 2, `two nodes ran tasks: ${JSON.stringify(Object.values(tasks))}`)
  const views = await Promise.all(nodes.map(({ client }) => client.agent()))
  t.ok(views.filter(({ gateway }) => gateway.servedBytes > 0).length >= 2, 'two gateways served')
  t.ok(views.filter(({ gateway }) => gateway.fetchedBytes > 0).length >= 2, 'two nodes fetched')
}
