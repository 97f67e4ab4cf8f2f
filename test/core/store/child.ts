/** Runs a piece of code against a store in a process of its own, in a clean environment, under strace where asked. */
import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const source = (path: string) => JSON.stringify(fileURLToPath(new URL(`../../../src/core/${path}`, import.meta.url)))

export const strace = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0 ? false : 'strace cannot be had here'

export interface Ran {
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}

/** `body` sees `store`, `mark(text)` (one write(2)) and `path`, `readFileSync`, `noise`. */
export function run(
  path: string,
  body: string,
  { limit = 2 ** 31, under = [] as string[], flags = [] as string[], env = {} as Record<string, string> } = {},
): Promise<Ran> {
  const code = `
    import { readFileSync, writeSync } from 'node:fs'
    import { createHash } from 'node:crypto'
    import { createEmbeddedStore } from ${source('store/embedded.ts')}
    import { silent } from ${source('log.ts')}
    const path = ${JSON.stringify(path)}
    const mark = (text) => writeSync(1, text + '\\n')
    const noise = (seed, length) => createHash('shake256', { outputLength: length }).update(seed).digest()
    const store = await createEmbeddedStore({ path, limit: ${limit}, log: silent })
    ${body}
    await store.close()`
  const [command = process.execPath, ...rest] = [...under, process.execPath, ...flags, '--input-type=module', '--eval', code]
  return new Promise((resolve) => {
    // Not the test runner's environment: it loads code into every process, which shows in memory and in system calls.
    execFile(command, rest, { env: { PATH: process.env.PATH ?? '', ...env }, maxBuffer: 64 << 20 }, (error, stdout, stderr) =>
      resolve({ stdout, stderr, code: error === null ? 0 : Number(error.code ?? 1) }),
    )
  })
}
