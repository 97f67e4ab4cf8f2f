/** The most frequent words of a result, without holding more than them. */
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { Artifact } from '../../../core/client/api.ts'
import type { Client } from '../../../core/client/client.ts'

export interface Counted {
  readonly word: string
  readonly count: number
}

/** The first of the words by count, then by bytes. */
export async function topWords(client: Client, parts: readonly Artifact[], many: number): Promise<Counted[]> {
  let top: Counted[] = []
  for (const { cid } of parts) {
    for await (const line of createInterface({ input: Readable.from(client.cat(cid)) })) {
      const tab = line.lastIndexOf('\t')
      const counted = { word: line.slice(0, tab), count: Number(line.slice(tab + 1)) }
      const least = top.at(-1)
      if (top.length < many || least === undefined || before(counted, least) < 0) top = [...top, counted].sort(before).slice(0, many)
    }
  }
  return top
}

function before(a: Counted, b: Counted): number {
  return b.count - a.count || (a.word < b.word ? -1 : 1)
}
