/** Going through a whole DAG, depth first, each block once. */
import type { Cid } from '../cids.ts'
import { IpdcError } from '../errors.ts'
import { codecOf } from './cid.ts'
import { decodeNode } from './node.ts'

/** Nodes above each other, at most: 64 directories, the shards within them and a file's own levels. */
export const maxDagDepth = 600

/** Addresses that a block links to, in order, as often as they stand there. @throws BAD_DATA */
export function linksIn(cid: Cid, bytes: Uint8Array): readonly Cid[] {
  return codecOf(cid) === 'raw' ? [] : decodeNode(bytes).links.map((link) => link.cid)
}

export interface Visit {
  readonly cid: Cid
  /** Reads the block and goes below it next; a visit that does not read it goes no deeper. */
  read(): Promise<Uint8Array>
}

/** @throws BAD_DATA, and what `get` throws when a visit reads */
export async function* walk(root: Cid, get: (cid: Cid) => Promise<Uint8Array>): AsyncGenerator<Visit> {
  const seen = new Set<Cid>()
  const path: Iterator<Cid>[] = [[root].values()]
  for (let level = path.at(-1); level !== undefined; level = path.at(-1)) {
    const next = level.next()
    if (next.done === true) {
      path.pop()
      continue
    }
    const cid = next.value
    if (seen.has(cid)) continue
    seen.add(cid)
    let bytes: Uint8Array | undefined
    yield {
      cid,
      async read() {
        bytes = await get(cid)
        return bytes
      },
    }
    if (bytes === undefined || codecOf(cid) === 'raw') continue
    if (path.length === maxDagDepth) throw new IpdcError('BAD_DATA', { message: `${root} is nested deeper than ${maxDagDepth} blocks` })
    path.push(linksIn(cid, bytes).values())
  }
}
