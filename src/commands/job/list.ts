/** `ipdc job list`: the jobs of this home, newest first. */

import type { JobView } from '../../core/client/api.ts'
import { durationText } from '../base/amounts.ts'
import { tasksOf } from '../base/result.ts'
import { table } from '../base/table.ts'
import { BaseCommand } from '../base.ts'

export default class JobList extends BaseCommand {
  static override summary = 'List jobs, newest first'
  static override description = 'Jobs that were submitted on this node, open and closed.'
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json']

  async run(): Promise<JobView[]> {
    await this.parse(JobList)
    const { client } = await this.reach()
    const jobs = await client.jobs()
    if (jobs.length === 0) this.say('No jobs yet. Try: ipdc mr wordcount')
    else this.print(table(['JOB', 'STATE', 'TASKS', 'TOOK', 'SUBMITTED'], jobs.map(rowOf), this.out))
    return jobs
  }
}

function rowOf(job: JobView): (string | number)[] {
  return [job.id, job.state, tasksOf(job), durationText(job.ms), job.submitted.slice(0, 19).replace('T', ' ')]
}
