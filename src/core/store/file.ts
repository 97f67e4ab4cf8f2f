/**
 * A file becomes leaves of 1 MiB and, above them, nodes of up to 1024 links each: profile `unixfs-v1-2025`. Reading, hashing and
 * writing overlap over two buffers, so a file of any size passes through the same few MiB of memory.
 */
import { open } from 'node:fs/promises'
import type { Cid } from '../cids.ts'
import { wrap } from '../errors.ts'
import type { Content } from '../kind.ts'
import type { Codec } from './cid.ts'
import { encodeFile, type Link } from './node.ts'
import { varintLength } from './protobuf.ts'
import { breathe } from './turn.ts'

/** A leaf, and a chunk that is given out, at most. @default 1 MiB */
export const leafBytes = 1 << 20
const linksPerNode = 1024

/** Where blocks go. */
export interface Sink {
  /** Hashes a block. `bytes` must stay as they are until `kept` resolves. */
  put(codec: Codec, bytes: Uint8Array): { readonly cid: Cid; readonly kept: Promise<void> }
}

/** A part of a DAG: `size` is of its content, `tsize` of its blocks. */
export interface Part {
  readonly cid: Cid
  readonly size: number
  readonly tsize: number
}

export async function addFile(content: Content, sink: Sink, signal?: AbortSignal): Promise<Part> {
  const layout = createLayout(sink)
  const buffers = createBuffers()
  let before: Promise<void> = Promise.resolve()
  for await (const leaf of leavesOf(content, buffers, signal)) {
    const { cid, kept } = sink.put('raw', leaf)
    kept.catch(() => {})
    // The leaf before this one must be written before its buffer is filled again.
    await before
    before = kept
    await layout.add({ cid, size: leaf.length, tsize: leaf.length })
  }
  await before
  // Not where it broke off: then they may still be being written.
  buffers.giveBack()
  return layout.end()
}

/**
 * Bytes of all blocks of a file of `size` bytes: the layout depends on nothing else. Of a directory that lies elsewhere it is
 * taken as well, as all that is known of it is the size of its content.
 */
export function dagBytes(size: number): number {
  if (size <= leafBytes) return size
  let total = size
  let parts = [
    { count: Math.floor(size / leafBytes), size: leafBytes, tsize: leafBytes },
    ...(size % leafBytes > 0 ? [{ count: 1, size: size % leafBytes, tsize: size % leafBytes }] : []),
  ]
  // Level by level, all nodes are alike but the last.
  while (parts.reduce((sum, { count }) => sum + count, 0) > 1) {
    const next: typeof parts = []
    const nodes = groups(parts)
    for (const { count, members } of nodes) {
      const own = nodeBytes(members)
      total += own * count
      next.push({ count, size: sum(members, 'size'), tsize: own + sum(members, 'tsize') })
    }
    parts = next
  }
  return total
}

interface Alike {
  readonly count: number
  readonly size: number
  readonly tsize: number
}

/** Cuts a level into nodes of 1024, alike ones together. */
function groups(parts: readonly Alike[]): { count: number; members: Alike[] }[] {
  const [first, last] = [parts[0], parts[1]]
  if (first === undefined) return []
  const whole = Math.floor(first.count / linksPerNode)
  const rest = first.count % linksPerNode
  const tail = [...(rest > 0 ? [{ ...first, count: rest }] : []), ...(last === undefined ? [] : [last])]
  return [...(whole > 0 ? [{ count: whole, members: [{ ...first, count: linksPerNode }] }] : []), ...(tail.length > 0 ? [{ count: 1, members: tail }] : [])]
}

function sum(members: readonly Alike[], what: 'size' | 'tsize'): number {
  return members.reduce((total, member) => total + member.count * member[what], 0)
}

/** Length of the node that `encodeFile` makes of such links. */
function nodeBytes(members: readonly Alike[]): number {
  let data = 2 + 1 + varintLength(sum(members, 'size'))
  let links = 0
  for (const { count, size, tsize } of members) {
    const link = 2 + 36 + 2 + 1 + varintLength(tsize)
    links += count * (1 + varintLength(link) + link)
    data += count * (1 + varintLength(size))
  }
  return links + 1 + varintLength(data) + data
}

/** Builds the nodes above the leaves as these come: at most 1024 links of each level are held. */
export function createLayout(sink: Sink) {
  const levels: Part[][] = []
  let leaves = 0

  async function push(part: Part, level: number): Promise<void> {
    const parts = levels[level] ?? []
    levels[level] = parts
    parts.push(part)
    if (parts.length > linksPerNode) {
      levels[level] = [part]
      await push(await node(parts.slice(0, linksPerNode)), level + 1)
    }
  }

  async function node(parts: readonly Part[]): Promise<Part> {
    const links: Link[] = parts.map(({ cid, tsize }) => ({ name: '', cid, tsize }))
    const bytes = encodeFile(
      links,
      parts.map(({ size }) => size),
    )
    const { cid, kept } = sink.put('dag-pb', bytes)
    await kept
    return { cid, size: parts.reduce((sum, part) => sum + part.size, 0), tsize: parts.reduce((sum, part) => sum + part.tsize, bytes.length) }
  }

  return {
    async add(leaf: Part) {
      leaves++
      await push(leaf, 0)
    },
    async end(): Promise<Part> {
      if (leaves === 0) {
        const { cid, kept } = sink.put('raw', new Uint8Array(0))
        await kept
        return { cid, size: 0, tsize: 0 }
      }
      for (let level = 0; ; level++) {
        const parts = levels[level] ?? []
        const [only] = parts
        if (only !== undefined && parts.length === 1 && level === levels.length - 1) return only
        await push(await node(parts), level + 1)
      }
    },
  }
}

/** Leaves in order. A leaf's bytes stay as they are until the next but one is asked for. */
async function* leavesOf(content: Content, buffers: Buffers, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  if (content instanceof Uint8Array) {
    for (let at = 0; at < content.length; at += leafBytes) {
      await breathe()
      signal?.throwIfAborted()
      yield content.subarray(at, at + leafBytes)
    }
  } else if ('file' in content) {
    yield* leavesOfFile(content.file, buffers, signal)
  } else {
    yield* leavesOfStream(content, buffers, signal)
  }
}

async function* leavesOfFile(path: string, buffers: Buffers, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw wrap(error, 'NO_INPUT', `Reading ${path}`)
  })
  try {
    for (;;) {
      signal?.throwIfAborted()
      const buffer = buffers.next()
      let filled = 0
      while (filled < leafBytes) {
        const { bytesRead } = await handle.read(buffer, filled, leafBytes - filled, null).catch((error: unknown) => {
          throw wrap(error, 'NO_INPUT', `Reading ${path}`)
        })
        if (bytesRead === 0) break
        filled += bytesRead
      }
      if (filled > 0) yield buffer.subarray(0, filled)
      if (filled < leafBytes) return
    }
  } finally {
    await handle.close()
  }
}

async function* leavesOfStream(source: AsyncIterable<Uint8Array>, buffers: Buffers, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  let buffer = buffers.next()
  let filled = 0
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      signal?.throwIfAborted()
      const length = Math.min(leafBytes - filled, chunk.length - at)
      buffer.set(chunk.subarray(at, at + length), filled)
      filled += length
      at += length
      if (filled < leafBytes) continue
      await breathe()
      yield buffer
      buffer = buffers.next()
      filled = 0
    }
  }
  signal?.throwIfAborted()
  if (filled > 0) yield buffer.subarray(0, filled)
}

const pool: Buffer[] = []

type Buffers = ReturnType<typeof createBuffers>

/** Two buffers in turn, from a small pool, so that thousands of small files do not make as many. */
function createBuffers() {
  const pair: Buffer[] = []
  let turn = 0
  return {
    next(): Buffer {
      const buffer = pair[turn] ?? pool.pop() ?? Buffer.allocUnsafeSlow(leafBytes)
      pair[turn] = buffer
      turn = 1 - turn
      return buffer
    },
    giveBack() {
      if (pool.length + pair.length <= 4) pool.push(...pair)
    },
  }
}
