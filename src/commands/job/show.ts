/** `ipdc job show ID`: one job, whole. */

import type { JobView, StageView } from '../../core/client/api.ts'
import { durationText } from '../base/amounts.ts'
import { job } from '../base/args.ts'
import { tasksOf } from '../base/result.ts'
import { namesOf, nodesText } from '../base/stages.ts'
import { sheet } from '../base/table.ts'
import { BaseCommand } from '../base.ts'

export default class JobShow extends BaseCommand {
  static override summary = 'Show a job: its state, stages, nodes and result'
  static override examples = ['<%= config.bin %> <%= command.id %> wordcount-7f3a', '<%= config.bin %> <%= command.id %> wordcount-7f3a --json']
  static override args = { job }

  async run(): Promise<JobView> {
    const { args } = await this.parse(JobShow)
    const { client } = await this.reach()
    const [job, nodes] = await Promise.all([client.job(args.job), client.nodes()])
    this.print(sheet([...linesOf(job), ['nodes', nodesText(job, namesOf(nodes))], ...job.warnings.map((text) => ['warning', text] as const)], this.out))
    return job
  }
}

function linesOf(job: JobView): [string, string | undefined][] {
  return [
    ['job', job.id],
    ['kind', job.kind],
    ['state', job.state],
    ['submitted', job.submitted],
    ['closed', job.closed],
    ['took', durationText(job.ms)],
    ['tasks', String(tasksOf(job))],
    ...job.stages.map((stage): [string, string] => [stage.name, stageText(stage)]),
    ['waits', job.waits],
    ['result', job.root?.cid],
    ['error', job.error === undefined ? undefined : `${job.error.code} ${job.error.message}`],
  ]
}

function stageText({ total, done, running, waiting, failed, lost }: StageView): string {
  const counts = { running, waiting, failed, lost }
  const others = Object.entries(counts).flatMap(([state, count]) => (count > 0 ? [`${count} ${state}`] : []))
  return [total === undefined ? `${done} done` : `${done} of ${total} done`, ...others].join(', ')
}
