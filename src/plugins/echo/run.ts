/** Waits, and gives the number back. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Run } from '../../core/kind.ts'
import type { Result, Task } from './task.ts'

export const run: Run<Task, Result> = async ({ number, waitMs }, { signal }) => {
  if (waitMs > 0) await wait(waitMs, undefined, { signal })
  return { number }
}
