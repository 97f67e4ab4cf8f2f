/** The kinds that come with ipdc: `kindsOf(plugins)` is an agent's registry. A stranger's kind joins the same list. */
import { echo } from './echo/kind.ts'
import { mr } from './mr/kind.ts'

export const plugins = [mr, echo]
