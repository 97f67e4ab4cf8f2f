/** `ipdc job watch ID`: see a job go on until it is closed. */

import type { JobView } from '../../core/client/api.ts'
import { job } from '../base/args.ts'
import { rootOf } from '../base/result.ts'
import { BaseCommand } from '../base.ts'

export default class JobWatch extends BaseCommand {
  static override summary = 'Watch a job until it is closed, and print the address of its result'
  static override description = `^C leaves the job to itself, a second ^C cancels it.
With --json each event is one line of JSON (NDJSON); the last one, "closed", carries the job with its result.`
  static override examples = ['<%= config.bin %> <%= command.id %> wordcount-7f3a', '<%= config.bin %> <%= command.id %> wordcount-7f3a --json']
  static override args = { job }

  async run(): Promise<JobView | undefined> {
    const { args } = await this.parse(JobWatch)
    const connection = await this.reach()
    const { id } = await connection.client.job(args.job)
    const job = await this.follow(connection, id, (event) => (this.jsonEnabled() ? this.out.write(`${JSON.stringify(event)}\n`) : undefined))
    this.print(rootOf(job).cid)
    // The events are what --json prints.
    return this.jsonEnabled() ? undefined : job
  }
}
