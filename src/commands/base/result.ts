/** The files of a job's result, in a folder of this machine. */
import type { Artifact, JobView } from '../../core/client/api.ts'
import type { Client } from '../../core/client/client.ts'
import { codeOf, IpdcError } from '../../core/errors.ts'
import { bytesText, plural } from './amounts.ts'
import { saveTree } from './save.ts'

/** Where a result goes when nobody says where. */
export function folderOf(job: Pick<JobView, 'id'>): string {
  return `./ipdc-${job.id}`
}

/** @throws JOB_FAILED where the job has no result */
export function rootOf(job: JobView): Artifact {
  if (job.root !== undefined) return job.root
  throw new IpdcError('JOB_FAILED', { message: `${job.id} has no result: it is ${job.state}`, hint: `ipdc job show ${job.id}` })
}

/** Tasks done, by whichever nodes. */
export function tasksOf(job: JobView): number {
  return Object.values(job.nodes).reduce((sum, tasks) => sum + tasks, 0)
}

export interface Saved {
  readonly parts: readonly Artifact[]
  /** `Wrote 3 files, 12.5 KiB, to ./ipdc-…` */
  readonly sentence: string
}

/** @throws what saveTree throws; where it could not be written, the error says how to write it elsewhere: the work is not lost */
export async function saveResult(client: Client, job: JobView, folder: string): Promise<Saved> {
  const { cid } = rootOf(job)
  const parts = await saveTree(client, cid, folder).catch((error: unknown) => {
    const code = codeOf(error)
    if (code !== 'IO' && code !== 'DISK_FULL') throw error
    const message = `${job.id} is done (${cid}), but its result could not be written: ${(error as Error).message}`
    throw new IpdcError(code, { message, hint: `ipdc job result ${job.id} --output OTHER`, cause: error })
  })
  const bytes = parts.reduce((sum, { size }) => sum + size, 0)
  return { parts, sentence: `Wrote ${plural(parts.length, 'file')}, ${bytesText(bytes)}, to ${folder}` }
}
