/** A real Worker with concurrency 1 that works until it finds nothing to do; its processor does what the job's data say. */
import { DelayedError, type Job, UnrecoverableError, WaitingError, Worker } from 'bullmq'
import type { Deed } from './command.ts'
import type { Side } from './side.ts'

/** A Worker that does not come to an end by then has missed a wake-up. */
const stuckMs = 10_000

/** What its own events said, in order. */
export async function work(side: Side, clock: { now: number }): Promise<unknown> {
  const { said, drained, close } = start(side, clock, 1)
  const end = await inTime(drained)
  await close()
  return { end, said }
}

/** Several jobs at a time: in no order, and all at the same time of the clock. */
export async function workWide(side: Side, clock: { now: number }, width: number): Promise<unknown> {
  const held = await side.queue.getActiveCount()
  const { said, drained, close } = start(side, stopped(clock.now), width)
  const end = await inTime(drained)
  const isStuck = !(await becomesDone(side, clock, held))
  await close()
  return { end, isStuck, said: said.map((one) => JSON.stringify(one)).sort() }
}

/** It takes no step: which of two jobs comes first would show in their times. */
function stopped(now: number): { now: number } {
  return Object.defineProperty({ now }, 'now', { get: () => now, set: () => {} })
}

/** The same, and when it waits for jobs, something happens that may bring some: then until all is done that can be. */
export async function wake(side: Side, clock: { now: number }, happens: () => Promise<unknown>): Promise<unknown> {
  const { said, drained, close } = start(side, clock, 1)
  const end = await inTime(drained)
  const held = await side.queue.getActiveCount()
  const result = await happens()
  const isStuck = !(await becomesDone(side, clock, held))
  await close()
  return { end, result, isStuck, said }
}

async function becomesDone(side: Side, clock: { now: number }, held: number): Promise<boolean> {
  const late = performance.now() + stuckMs
  while (!(await isDone(side, clock, held))) {
    if (performance.now() > late) return false
    await new Promise(setImmediate)
  }
  return true
}

/** Nothing to do is left, or none of it may be done; and the Worker holds nothing. */
async function isDone({ queue }: Side, clock: { now: number }, held: number): Promise<boolean> {
  const most = (await queue.getGlobalConcurrency()) ?? Number.POSITIVE_INFINITY
  const isHeldUp = held >= most || (await queue.isPaused())
  // In one call: between two, a job could pass unseen.
  const [active, ...toDo] = await queue.getBackend().getCounts(['active', 'waiting', 'prioritized', 'delayed'], clock.now + 1)
  return active === held && (isHeldUp || toDo.every((count) => count === 0))
}

function start(side: Side, clock: { now: number }, width: number) {
  const said: unknown[] = []
  const worker = side.newWorker(async (job, token) => {
    clock.now += 1
    return perform(side, clock, job, token ?? '')
  }, width)
  worker.on('active', (job) => said.push(['active', job.id, job.attemptsStarted]))
  worker.on('completed', (job, result) => said.push(['completed', job.id, result]))
  worker.on('failed', (job, error) => said.push(['failed', job?.id, error.message]))
  worker.on('error', (error) => said.push(['error', error.message]))
  const drained = new Promise<string>((resolve) => worker.once('drained', () => resolve('drained')))
  const running = worker.run()
  const close = async () => {
    await worker.close()
    await running
  }
  return { said, drained, close }
}

async function inTime(promise: Promise<string>): Promise<string> {
  const late = Promise.withResolvers<string>()
  const timer = setTimeout(() => late.resolve('stuck'), stuckMs)
  const first = await Promise.race([promise, late.promise])
  clearTimeout(timer)
  return first
}

async function perform({ queue }: Side, clock: { now: number }, job: Job, token: string): Promise<unknown> {
  const deed = (job.data ?? {}) as Deed
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
