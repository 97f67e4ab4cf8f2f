/** `ipdc job result ID`: the files of a job that is done. */

import type { Artifact } from '../../core/client/api.ts'
import { job } from '../base/args.ts'
import { force, output } from '../base/flags.ts'
import { folderOf, rootOf, saveResult } from '../base/result.ts'
import { checkFolder } from '../base/save.ts'
import { BaseCommand } from '../base.ts'

/** What `--json` prints. */
export interface JobResulted {
  readonly job: string
  readonly root: string
  readonly folder: string
  readonly parts: readonly Artifact[]
}

export default class JobResult extends BaseCommand {
  static override summary = "Write a job's result files, and print their address"
  static override examples = [
    '<%= config.bin %> <%= command.id %> wordcount-7f3a',
    '<%= config.bin %> <%= command.id %> wordcount-7f3a --output counts --force --json',
  ]
  static override args = { job }
  static override flags = { output: output(), force }

  async run(): Promise<JobResulted> {
    const { args, flags } = await this.parse(JobResult)
    const { client } = await this.reach()
    const job = await client.job(args.job)
    const folder = flags.output ?? folderOf(job)
    await checkFolder(folder, flags.force)
    const { parts, sentence } = await saveResult(client, job, folder)
    this.say(sentence)
    this.print(rootOf(job).cid)
    return { job: job.id, root: rootOf(job).cid, folder, parts }
  }
}
