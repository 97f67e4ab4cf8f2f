/**
 * Seeded text that looks like language to a word count: words drawn by Zipf's law from a vocabulary, made of syllables, frequent
 * ones short; lines of about 70 characters. The same size and seed give the same bytes. Kept in the temporary directory, since
 * making it takes longer than counting it.
 */
import { createWriteStream, existsSync, statSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { random } from '../test/fakes/random.ts'

/** Raised when the same size and seed give other bytes: old files are not used any more. */
const version = 1
const lineLength = 70
const chunkBytes = 1 << 20
/** About as many distinct words as 200 MB of English news have. */
const vocabulary = 200_000

export interface TextOptions {
  /** Length in bytes. */
  readonly size: number
  readonly seed: number
  readonly say: (line: string) => void
}

/** The path of the text: made now, or by an earlier run. */
export async function zipfText({ size, seed, say }: TextOptions): Promise<string> {
  const path = join(tmpdir(), `ipdc-bench-zipf-v${version}-${size}-${seed}.txt`)
  if (existsSync(path) && statSync(path).size === size) {
    say(`Text: ${path}, kept from an earlier run (remove it when you are done)`)
    return path
  }
  say(`Text: making ${size} bytes with seed ${seed} in ${path}, kept for further runs`)
  await pipeline(Readable.from(chunksOf(size, seed)), createWriteStream(`${path}.part`))
  await rename(`${path}.part`, path)
  return path
}

/** The text itself, `size` bytes in all. The last word may be cut. */
export function* chunksOf(size: number, seed: number): Iterable<Buffer> {
  const next = random(seed)
  const words = makeWords(next)
  const range = Math.log(words.length)
  let left = size
  let chunk = Buffer.allocUnsafe(chunkBytes)
  let at = 0
  let column = 0
  while (left > 0) {
    // A rank r with a probability of about 1/r.
    const word = words[Math.floor(Math.exp(next() * range)) - 1] ?? 'the'
    if (at + word.length + 1 > chunkBytes || at + word.length + 1 > left) {
      at += chunk.write(`${word} `, at, Math.min(chunkBytes, left) - at, 'latin1')
      yield chunk.subarray(0, at)
      left -= at
      chunk = Buffer.allocUnsafe(chunkBytes)
      at = 0
      continue
    }
    at += chunk.write(word, at, 'latin1')
    column += word.length + 1
    chunk[at++] = column > lineLength ? 0x0a : 0x20
    if (column > lineLength) column = 0
  }
}

/** Words by rank: one syllable for the most frequent, then two, then three. */
function makeWords(next: () => number): string[] {
  const syllables = ['t', 'n', 's', 'r', 'h', 'l', 'd', 'c', 'm', 'w', 'st', 'th', 'pr', 'ch'].flatMap((onset) =>
    ['e', 'a', 'o', 'i', 'u'].flatMap((vowel) => ['', 'n', 'r'].map((coda) => ({ text: onset + vowel + coda, at: next() }))),
  )
  const shuffled = syllables.sort((a, b) => a.at - b.at).map(({ text }) => text)
  return Array.from({ length: vocabulary }, (_, rank) => {
    let word = ''
    for (let rest = rank + 1; rest > 0; rest = Math.floor((rest - 1) / shuffled.length)) word += shuffled[(rest - 1) % shuffled.length] ?? ''
    return word
  })
}
