/** Seeded text for system tests: words by a Zipf-like draw, lines of ten, the same for the same seed on every machine. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A linear congruential generator of 32 bits (Numerical Recipes): enough for text, and the same everywhere. */
function numbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

export function textOf(bytes: number, seed = 1): string {
  const next = numbers(seed)
  const lines: string[] = []
  for (let size = 0; size < bytes; ) {
    const words = Array.from({ length: 10 }, () => `w${Math.floor(5000 ** next()).toString(36)}`)
    const line = words.join(next() < 0.1 ? '\t' : ' ')
    lines.push(line)
    size += line.length + 1
  }
  return `${lines.join('\n')}\n`
}

/** `files` files of together about `bytes`; their paths. */
export async function writeTexts(dir: string, { files, bytes, seed = 1 }: { files: number; bytes: number; seed?: number }): Promise<string[]> {
  await mkdir(dir, { recursive: true })
  const paths: string[] = []
  for (let i = 0; i < files; i++) {
    const path = join(dir, `text-${i}.txt`)
    await writeFile(path, textOf(bytes / files, seed + i))
    paths.push(path)
  }
  return paths
}
