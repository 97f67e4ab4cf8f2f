/** A folder of a test's own, gone with it. On the disk that the temporary folder lies on. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

export async function folder(t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'ipdc-store-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}
