/** Kind `echo`: tasks that wait and give their number back. It shows whether a domain works, and what a task costs in it. */
import { defineKind } from '../../core/kind.ts'
import { Job, Result, Task } from './task.ts'

export const echo = defineKind<Job, Task, Result>({
  name: 'echo',
  version: 1,
  schema: { job: Job, task: Task, result: Result },
  ends: () => 'done',
  pure: () => true,
  host: () => 'thread',
  coordinate: async () => (await import('./coordinate.ts')).coordinate,
  run: async () => (await import('./run.ts')).run,
})
