/** The word count as a beginner writes it, on whole files in memory: what the fast one must equal. Strings hold one byte a character. */
import { partitionOf } from '../../../src/plugins/mr/hash.ts'

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
