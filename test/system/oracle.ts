/** The word count by the shell alone: what every run must equal. A file's end is a record's end; leading blanks make no empty word. */
import { spawnSync } from 'node:child_process'

/** `count word` lines in order of bytes. */
export function oracle(files: readonly string[]): string {
  const script = `for f in "$@"; do cat "$f"; echo; done | tr -s '[:space:]' '\\n' | sed '/^$/d' | LC_ALL=C sort | uniq -c | sed 's/^ *//'`
  const { stdout, status } = spawnSync('sh', ['-c', script, 'sh', ...files], {
    encoding: 'latin1',
    maxBuffer: 1 << 28,
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C' },
  })
  if (status !== 0) throw new Error('the oracle failed')
  return stdout
}

/** Parts of `word TAB count` as the oracle would print them. */
export function asOracle(parts: readonly Buffer[]): string {
  const lines = parts.flatMap((part) =>
    part
      .toString('latin1')
      .split('\n')
      .filter((line) => line !== ''),
  )
  const pairs = lines.map((line) => line.split('\t') as [string, string])
  return pairs
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([word, count]) => `${count} ${word}\n`)
    .join('')
}
