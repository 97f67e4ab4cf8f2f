/** Kind `mr`: MapReduce. Its two halves are loaded only where they run. */
import { defineKind } from '../../core/kind.ts'
import { Job, Result, Task } from './task.ts'

export const mr = defineKind<Job, Task, Result>({
  name: 'mr',
  version: 1,
  schema: { job: Job, task: Task, result: Result },
  ends: () => 'done',
  pure: () => true,
  host: () => 'thread',
  coordinate: async () => (await import('./coordinate.ts')).coordinate,
  run: async () => (await import('./run.ts')).run,
})
