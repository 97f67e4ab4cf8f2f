/** The K result files in their folder. With fewer than last time, the rest of last time's would be counted along: they go first. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Saved, saveResult } from '../../../commands/base/result.ts'
import type { JobView } from '../../../core/client/api.ts'
import type { Client } from '../../../core/client/client.ts'

const part = /^part-\d{5}$/

export async function saveParts(client: Client, job: JobView, folder: string): Promise<Saved> {
  const names = await readdir(folder).catch(() => [])
  await Promise.all(names.filter((name) => part.test(name)).map((name) => rm(join(folder, name))))
  return saveResult(client, job, folder)
}
