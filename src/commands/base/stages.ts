/** A job as people see it: a bar for each stage, and which nodes did how much. */
import type { JobView, NodeView, StageView } from '../../core/client/api.ts'
import { durationText } from './amounts.ts'
import { leftMs, type Marks, rateOf } from './pace.ts'
import type { Screen } from './screen.ts'

const barWidth = 24

export type Names = ReadonlyMap<string, string>

/** What people call each node: its name, and where two have the same the beginning of its id with it. */
export function namesOf(nodes: readonly Pick<NodeView, 'id' | 'name'>[]): Names {
  const holders = Map.groupBy(nodes, ({ name }) => name)
  return new Map(nodes.map(({ id, name }) => [id, (holders.get(name)?.length ?? 0) > 1 ? `${name}-${id.slice(0, 4)}` : name]))
}

/** Lines for a terminal. */
export function stageBars(job: JobView, names: Names, marks: Marks, paint: Screen['paint']): string[] {
  const width = Math.max(...job.stages.map(({ name }) => name.length), 5)
  const bars = job.stages.map((stage) => `${stage.name.padEnd(width)}  ${bar(stage, paint)}  ${stageText(stage, marks, paint)}`)
  const nodes = nodesText(job, names)
  return [
    `${paint.bold(job.id)}  ${durationText(job.ms)}`,
    ...bars,
    ...(nodes === '' ? [] : [`${'nodes'.padEnd(width)}  ${nodes}`]),
    ...(job.waits === undefined ? [] : [`${'waits'.padEnd(width)}  ${paint.yellow(job.waits)}`]),
  ]
}

/** One line, for where nothing can be drawn twice. */
export function stageLine(job: JobView, names: Names, marks: Marks, paint: Screen['paint']): string {
  const stages = job.stages.map((stage) => `${stage.name} ${stageText(stage, marks, paint)}`)
  const nodes = nodesText(job, names)
  return [`${job.id}  ${durationText(job.ms)}`, ...stages, ...(nodes === '' ? [] : [nodes]), ...(job.waits === undefined ? [] : [`waits: ${job.waits}`])].join(
    ' | ',
  )
}

/** `ada 5 · ben 4`: tasks done, by node, the most first. */
export function nodesText(job: Pick<JobView, 'nodes'>, names: Names): string {
  return Object.entries(job.nodes)
    .map(([id, tasks]) => ({ name: names.get(id) ?? id.slice(0, 8), tasks }))
    .sort((a, b) => b.tasks - a.tasks || (a.name < b.name ? -1 : 1))
    .map(({ name, tasks }) => `${name} ${tasks}`)
    .join(' · ')
}

/** A stage's source has ended and none of its tasks is left. */
export function isOver({ total, done, failed }: StageView): boolean {
  return total !== undefined && done + failed >= total
}

function bar({ total, done, failed, running }: StageView, paint: Screen['paint']): string {
  const share = (count: number) => (total === undefined || total === 0 ? 0 : Math.floor((count / total) * barWidth))
  const full = total === 0 ? barWidth : share(done + failed)
  const busy = Math.min(barWidth - full, share(running))
  const stretch = (colour: (text: string) => string, sign: string, length: number) => (length === 0 ? '' : colour(sign.repeat(length)))
  return stretch(paint.green, '█', full) + stretch(paint.cyan, '▒', busy) + stretch(paint.dim, '░', barWidth - full - busy)
}

function stageText(stage: StageView, marks: Marks, paint: Screen['paint']): string {
  const { name, total, done, running, failed, lost } = stage
  const rate = rateOf(marks, name)
  const left = leftMs(stage, marks)
  return [
    total === undefined ? `${done} done` : `${done}/${total}`,
    ...(running > 0 ? [`${running} running`] : []),
    ...(failed > 0 ? [paint.red(`${failed} failed`)] : []),
    ...(lost > 0 ? [paint.yellow(`${lost} lost`)] : []),
    ...(rate === undefined || isOver(stage) ? [] : [`${rate.toFixed(1)}/s`]),
    ...(left === undefined || isOver(stage) ? [] : [`${durationText(left)} left`]),
  ].join('  ')
}
