/** As many tasks as asked for, made as nodes have room for them; the root says how many came back. */
import type { Coordinate } from '../../core/kind.ts'
import type { Job, Result, Task } from './task.ts'

export const coordinate: Coordinate<Job, Task, Result> = async (job, ctx) => {
  let done = 0
  const options = { id: (task: Task) => String(task.number), ...(job.window === undefined ? {} : { window: job.window }) }
  for await (const outcome of ctx.run('echo', numbered(job), options)) if (outcome.is === 'done' && outcome.result.number === outcome.task.number) done++
  return ctx.store.addBytes(new TextEncoder().encode(`${done}\n`), 'count')
}

async function* numbered({ tasks, waitMs }: Job): AsyncIterable<Task> {
  for (let number = 0; number < tasks; number++) yield { number, waitMs }
}
