/** Watches a job until it is closed, or until the user leaves it: what every command that waits for a job does. */
import type { JobEvent, JobView } from '../../core/client/api.ts'
import type { Client } from '../../core/client/client.ts'
import { fromFailure, IpdcError } from '../../core/errors.ts'
import { type Interrupt, interrupted } from './interrupt.ts'
import type { Progress } from './progress.ts'

export interface Watched {
  readonly client: Client
  readonly id: string
  readonly progress: Progress
  /** Every event, as it comes. */
  readonly each?: ((event: JobEvent) => void) | undefined
}

/**
 * The job, done.
 * @throws the job's own error; JOB_CANCELLED; NO_AGENT when its agent ended before the job; CANCELLED after `signal`
 */
export async function watch({ client, id, progress, each, signal }: Watched & { readonly signal: AbortSignal }): Promise<JobView> {
  // A warning comes as it is given and again in each snapshot; one that was given before we listened only in those.
  const said = new Set<string>()
  const warn = (warnings: readonly string[]) => {
    for (const warning of warnings) {
      if (!said.has(warning)) progress.say(`Warning: ${warning}`)
      said.add(warning)
    }
  }
  for await (const event of client.events(id, { signal })) {
    each?.(event)
    switch (event.is) {
      case 'job':
        progress.show(event.job)
        warn(event.job.warnings)
        break
      case 'warning':
        warn([event.message])
        break
      case 'task':
        break
      case 'closed':
        progress.show(event.job)
        warn(event.job.warnings)
        return ended(event.job)
    }
  }
  throw new IpdcError('NO_AGENT', { message: `The agent ended before ${id} did`, hint: `ipdc job watch ${id}` })
}

/**
 * The same, with ^C: asked at the first where there is a `question`, otherwise the first leaves the job to itself.
 * @throws also INTERRUPTED, after ^C
 */
export async function follow({ question, ...watched }: Watched & { readonly question: string | undefined }): Promise<JobView> {
  const { client, id, progress } = watched
  const over = new AbortController()
  const told = () => {
    progress.hold()
    if (question === undefined) progress.say(`Leaving ${id} to itself. ^C once more cancels it.`)
  }
  try {
    const choice = interrupted({ told, question, signal: over.signal })
    const first = await Promise.race([watch({ ...watched, signal: over.signal }), choice])
    over.abort()
    if (typeof first === 'string') throw await left(client, id, first)
    progress.resume()
    return first
  } finally {
    over.abort()
    progress.end()
  }
}

function ended(job: JobView): JobView {
  if (job.state === 'cancelled') throw new IpdcError('JOB_CANCELLED', { message: `${job.id} was cancelled` })
  if (job.state === 'failed') throw job.error === undefined ? new IpdcError('JOB_FAILED', { message: `${job.id} failed` }) : fromFailure(job.error)
  return job
}

async function left(client: Client, id: string, how: Interrupt): Promise<IpdcError> {
  if (how === 'detach') return new IpdcError('INTERRUPTED', { message: `${id} goes on without this terminal`, hint: `ipdc job watch ${id}` })
  const { state } = await client.cancel(id)
  return new IpdcError('INTERRUPTED', { message: state === 'done' ? `${id} was done before it could be cancelled` : `${id} was cancelled` })
}
