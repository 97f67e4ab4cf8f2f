/** One task of kind `mr`: its sort says which step of MapReduce it is. */
import type { Run } from '../../core/kind.ts'
import { map } from './map.ts'
import { reduce } from './reduce.ts'
import type { Result, Task } from './task.ts'

export const run: Run<Task, Result> = (task, ctx) => {
  switch (task.is) {
    case 'map':
      return map(task, ctx)
    case 'reduce':
      return reduce(task, ctx)
  }
}
