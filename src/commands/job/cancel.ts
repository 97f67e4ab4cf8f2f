/** `ipdc job cancel ID`: end a job without a result. */

import type { JobView } from '../../core/client/api.ts'
import { job } from '../base/args.ts'
import { BaseCommand } from '../base.ts'

export default class JobCancel extends BaseCommand {
  static override summary = 'Cancel a job: its tasks end, and what they made is removed'
  static override description = 'A job that is closed already stays as it is.'
  static override examples = ['<%= config.bin %> <%= command.id %> wordcount-7f3a', '<%= config.bin %> <%= command.id %> wordcount-7f3a --json']
  static override args = { job }

  async run(): Promise<JobView> {
    const { args } = await this.parse(JobCancel)
    const { client } = await this.reach()
    const job = await client.cancel(args.job)
    this.say(job.state === 'cancelled' ? `${job.id} is cancelled` : `${job.id} was ${job.state} already`)
    return job
  }
}
