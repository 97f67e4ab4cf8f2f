/** The word count as a beginner writes it, on whole files in memory: what the fast one must equal. Strings hold one byte a character. */
import { partitionOf } from '../../../src/plugins/mr/hash.ts'
import { keysOf } from '../../../src/plugins/mr/keys.ts'
import { orderKeys } from '../../../src/plugins/mr/order.ts'
import type { Table } from '../../../src/plugins/mr/table.ts'

const space = /[ \t\n\v\f\r]+/

export function wordsOf(bytes: Uint8Array, ignoreCase = false): string[] {
  const text = Buffer.from(bytes).toString('latin1')
  const folded = ignoreCase ? text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()) : text
  return folded.split(space).filter((word) => word !== '')
}

export function countsOf(words: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

/** The K parts. A character is a byte, so order of strings is order of bytes. */
export function partsOf(files: readonly Uint8Array[], k: number, ignoreCase = false): string[] {
  const counts = countsOf(files.flatMap((file) => wordsOf(file, ignoreCase)))
  const parts = Array.from({ length: k }, () => '')
  for (const [word, count] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const bytes = Buffer.from(word, 'latin1')
    parts[partitionOf(bytes, 0, bytes.length, k)] += `${word}\t${count}\n`
  }
  return parts
}

/** What a table holds, in order of bytes. */
export function entriesOf(table: Table): [key: string, count: number][] {
  const keys = keysOf(table)
  return Array.from(orderKeys(keys), (number) => {
    const start = keys.startOf(number)
    return [Buffer.from(keys.bytesOf(number).subarray(start, start + keys.lengthOf(number))).toString('latin1'), keys.countOf(number)]
  })
}
