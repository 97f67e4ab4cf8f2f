/** A real Worker with concurrency 1 that works until it finds nothing to do; its processor does what the job's data say. */
import { DelayedError, type Job, UnrecoverableError, WaitingError, Worker } from 'bullmq'
import type { Deed } from './command.ts'
import type { Side } from './side.ts'

/** A Worker that does not come to an end by then has missed a wake-up. */
const stuckMs = 10_000

/** What its own events said, in order. */
export async function work(side: Side, clock: { now: number }): Promise<unknown> {
  const said: unknown[] = []
  const worker = side.newWorker(async (job, token) => {
    clock.now += 1
    return perform(side, clock, job, token ?? '')
  })
  worker.on('active', (job) => said.push(['active', job.id, job.attemptsStarted]))
  worker.on('completed', (job, result) => said.push(['completed', job.id, result]))
  worker.on('failed', (job, error) => said.push(['failed', job?.id, error.message]))
  worker.on('error', (error) => said.push(['error', error.message]))
  const drained = Promise.withResolvers<string>()
  worker.once('drained', () => drained.resolve('drained'))
  const late = setTimeout(() => drained.resolve('stuck'), stuckMs)
  const running = worker.run()
  said.push(await drained.promise)
  clearTimeout(late)
  await worker.close()
  await running
  return said
}

async function perform({ queue }: Side, clock: { now: number }, job: Job, token: string): Promise<unknown> {
  const deed = job.data as Deed
  // A job that puts itself back does so once, or the Worker would never come to an end.
  const isFirst = job.attemptsStarted <= 1
  switch (deed.do) {
    case 'return':
      return deed.value
    case 'throw':
      throw stacked(new Error(deed.message))
    case 'unrecoverable':
      throw stacked(new UnrecoverableError('never again'))
    case 'delay':
      if (!isFirst) return 'delayed once'
      await job.moveToDelayed(clock.now + deed.ms, token)
      throw new DelayedError()
    case 'wait':
      if (!isFirst) return 'waited once'
      await job.moveToWait(token)
      throw new WaitingError()
    case 'limit':
      if (!isFirst) return 'limited once'
      await queue.rateLimit(deed.ms)
      throw Worker.RateLimitError()
    case 'progress':
      await job.updateProgress(deed.to)
      return deed.to
    case 'log':
      return job.log(deed.row)
    default:
      return 'nothing to do'
  }
}

function stacked(error: Error): Error {
  error.stack = `${error.name}: ${error.message}\n    at somewhere`
  return error
}
