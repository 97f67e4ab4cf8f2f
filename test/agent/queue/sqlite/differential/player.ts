/** Plays commands on one side. What it chooses depends on what it saw there and on nothing else, so two sides that agree choose alike. */
import { Job, type JobJson, UnrecoverableError } from 'bullmq'
import { type Adding, type Command, type Setup, stepMs, type Token, unitMs, type Who } from './command.ts'
import { listen } from './listen.ts'
import { describe, type Event, type Store } from './side.ts'
import { wake, work, workWide } from './work.ts'

/** Ids by state, in order. */
export type Ranges = Readonly<Record<string, readonly string[]>>

export interface Player {
  play(command: Command): Promise<unknown>
  /** After each command: ids by state, in order. */
  look(): Promise<object>
  /** Nothing runs that a restart would change. */
  isQuiet(): Promise<boolean>
  /** After the store was opened again. */
  again(): Promise<void>
  /** At the end: every job that was ever seen, and the queue itself. */
  dump(): Promise<unknown>
  /** All events from the beginning, also those that went with an obliterated stream. */
  events(): Promise<Event[]>
  close(): Promise<void>
}

/** An end that was not heard of by then was missed. */
const missedMs = 5000
/** Of many jobs, so many are looked at one by one. */
const maxDumped = 100
const states = ['waiting', 'active', 'prioritized', 'delayed', 'completed', 'failed'] as const

export function createPlayer(store: Store, name: string, clock: { now: number }, setup: Setup): Player {
  const side = store.side(name)
  /** Plays on another queue of the same store. */
  let elsewhere: Player | undefined
  /** In order of their first sight. */
  const ids = new Set<string>()
  const jobs = new Map<string, Job>()
  const tokens = new Map<string, string>()
  /** When each lock ends, as far as its holder knows. */
  const locks = new Map<string, number>()
  let ranges: Ranges = {}
  const gone: Event[] = []
  let listener = setup.listens ? listen(side) : undefined

  /** Mostly a job for which the call makes sense, sometimes any. */
  function pick(who: Who, ...likely: string[]): string {
    const good = likely.flatMap((state) => ranges[state] ?? [])
    const pool = who % 4 === 3 || good.length === 0 ? [...ids, 'nobody'] : good
    return pool[Math.floor(who / 4) % pool.length] ?? 'nobody'
  }

  /** Claims a job where none is active: else most ends would be of none. */
  async function pickActive(who: Who): Promise<string> {
    if (who % 4 === 3 || (ranges.active ?? []).length > 0) return pick(who, 'active')
    const job = await side.worker.getNextJob('t4', { block: false })
    if (job?.id === undefined) return pick(who, 'active')
    await claimed(job.id, 't4')
    return job.id
  }

  function handle(id: string): Job {
    return jobs.get(id) ?? new Job(side.worker, 'none', {}, {}, id)
  }

  /** As a Worker holds it: by its Worker, whose options count when the job ends. */
  async function held(id: string): Promise<Job> {
    return (await Job.fromId(side.worker, id)) ?? new Job(side.worker, 'none', {}, {}, id)
  }

  function tokenFor(id: string, token: Token): string {
    return token === 'zero' ? '0' : token === 'other' ? 'stranger' : (tokens.get(id) ?? 'unclaimed')
  }

  function seen(id: string | undefined): void {
    if (id !== undefined) ids.add(id)
  }

  function added(job: Job): unknown {
    seen(job.id)
    if (job.id !== undefined) jobs.set(job.id, job)
    return describe(job)
  }

  async function claimed(id: string, token: string): Promise<void> {
    tokens.set(id, token)
    locks.set(id, token === '0' ? 0 : clock.now + unitMs)
    jobs.set(id, await held(id))
  }

  /** What `moveTo…` answers: nothing, or the next job already claimed, with a rest of time that a server counts on its own clock. */
  async function next(answer: unknown, token: string): Promise<unknown> {
    if (!Array.isArray(answer)) return answer
    const [json, id, ttl, until] = answer as [JobJson | null, string, number, number]
    if (json === null || json === undefined) return [json, id, roughly(ttl), until]
    await claimed(id, token)
    return [describe(Job.fromJSON(side.worker, json, id)), id, roughly(ttl), until]
  }

  function toAdd({ name, data, options: { ago, ...options } }: Adding) {
    return { name, data, opts: { ...options, ...(ago === undefined ? {} : { timestamp: clock.now - ago }) } as object }
  }

  async function play(command: Command): Promise<unknown> {
    switch (command.is) {
      case 'add': {
        const { name, data, opts } = toAdd(command.job)
        return added(await side.queue.add(name, data, opts))
      }
      case 'addBulk':
        return (await side.queue.addBulk(command.jobs.map(toAdd))).map(added)
      case 'addMany': {
        const one = { name: 'many', data: { do: 'return' }, options: command.options }
        const added = await side.queue.addBulk(Array.from({ length: command.count }, () => toAdd(one)))
        return added.map(({ id }) => id)
      }
      case 'claim': {
        const job = await side.worker.getNextJob(command.token, { block: false })
        if (job?.id !== undefined) await claimed(job.id, command.token)
        return describe(job)
      }
      case 'complete': {
        const id = await pickActive(command.who)
        const token = tokenFor(id, command.token)
        return next(await (await held(id)).moveToCompleted(command.value, token, command.fetch), token)
      }
      case 'fail': {
        const id = await pickActive(command.who)
        const token = tokenFor(id, command.token)
        return next(await (await held(id)).moveToFailed(failure(command.message, command.final), token, command.fetch), token)
      }
      case 'moveToDelayed': {
        const id = pick(command.who, 'active')
        return handle(id).moveToDelayed(clock.now + command.ms, tokenFor(id, command.token))
      }
      case 'moveToWait': {
        const id = pick(command.who, 'active')
        return roughly(await handle(id).moveToWait(tokenFor(id, command.token)))
      }
      case 'extendLock': {
        const id = pick(command.who, 'active')
        return extend(id, tokenFor(id, command.token), command.ms)
      }
      case 'extendLocks': {
        const held = [...(ranges.active ?? []), 'nobody']
        const failed = await side.worker.extendJobLocks(
          held,
          held.map((id) => tokenFor(id, command.token)),
          command.ms,
        )
        for (const id of held) if (!failed.includes(id)) locks.set(id, clock.now + command.ms)
        return failed
      }
      case 'lose': {
        const id = pick(command.who, 'active')
        const done = await extend(id, tokenFor(id, 'own'), 10)
        await advance(stepMs)
        return done
      }
      case 'stalled': {
        // Redis keeps them in a set: whole numbers in their order, others in none that it promises.
        const lost = (ranges.active ?? []).filter((id) => (locks.get(id) ?? 0) <= clock.now)
        if (lost.length > 1 && !lost.every((id) => /^\d+$/.test(id))) return 'not asked'
        return side.worker.getBackend().moveStalledJobsToWait()
      }
      case 'pause':
        return side.queue.pause()
      case 'resume':
        return side.queue.resume()
      case 'removeRateLimitKey':
        return side.queue.removeRateLimitKey()
      case 'removeGlobalConcurrency':
        return side.queue.removeGlobalConcurrency()
      case 'removeGlobalRateLimit':
        return side.queue.removeGlobalRateLimit()
      case 'drain':
        return side.queue.drain(command.delayed)
      case 'clean':
        return side.queue.clean(command.grace, command.limit, command.type)
      case 'obliterate':
        return obliterate(command.force, command.count)
      case 'rateLimit':
        return side.queue.rateLimit(command.ms)
      case 'setGlobalConcurrency':
        return side.queue.setGlobalConcurrency(command.count)
      case 'setGlobalRateLimit':
        return side.queue.setGlobalRateLimit(command.max, command.ms)
      case 'retryJobs':
        return side.queue.retryJobs({
          state: command.state,
          ...(command.count === undefined ? {} : { count: command.count }),
          ...(command.ago === undefined ? {} : { timestamp: clock.now - command.ago }),
        })
      case 'promoteJobs':
        return side.queue.promoteJobs(command.count === undefined ? {} : { count: command.count })
      case 'remove': {
        const id = pick(command.who, 'waiting', 'prioritized', 'delayed', 'completed', 'failed', 'active')
        return command.by === 'queue' ? side.queue.remove(id) : handle(id).remove()
      }
      case 'changePriority':
        return handle(pick(command.who, 'waiting', 'prioritized', 'delayed')).changePriority({ priority: command.priority, lifo: command.lifo })
      case 'changeDelay':
        return handle(pick(command.who, 'delayed')).changeDelay(command.ms)
      case 'promote':
        return handle(pick(command.who, 'delayed')).promote()
      case 'retry':
        return handle(pick(command.who, command.state)).retry(command.state, command.reset ? { resetAttemptsMade: true, resetAttemptsStarted: true } : {})
      case 'updateProgress':
        return handle(pick(command.who, 'active')).updateProgress(command.to)
      case 'updateData':
        return handle(pick(command.who, 'waiting', 'active')).updateData(command.data)
      case 'log':
        return side.queue.addJobLog(pick(command.who, 'active', 'completed'), command.row, command.keep)
      case 'clearLogs':
        return handle(pick(command.who, 'active', 'completed')).clearLogs(command.keep)
      case 'getJobLogs':
        return side.queue.getJobLogs(pick(command.who, 'active', 'completed'), command.start, command.end, command.asc)
      case 'getJobs':
        return (await side.queue.getJobs([...command.types], command.start, command.end, command.asc)).map(describe)
      case 'getCountsPerPriority':
        return side.queue.getCountsPerPriority([...command.priorities])
      case 'getDelayedCount':
        return side.queue.getDelayedCount(clock.now + command.ms)
      case 'getRateLimitTtl':
        return roughly(await side.queue.getRateLimitTtl(command.max))
      case 'isInState':
        return side.queue.getBackend().isJobInState(command.state, pick(command.who, command.state))
      case 'waitUntilFinished':
        return outcome(pick(command.who, 'completed', 'failed'))
      case 'await': {
        const id = pick(command.who, 'active')
        return awaited(id, () => settle(play(command.by)))
      }
      case 'advance':
        return advance(command.ms)
      case 'work':
        return command.width === undefined ? work(side, clock) : workWide(side, clock, command.width)
      case 'wake':
        if (setup.limiter !== undefined || (await side.queue.getGlobalRateLimit()) !== null) return 'not asked'
        return wake(side, clock, () => settle(play(command.by)))
      case 'elsewhere':
        elsewhere ??= createPlayer(store, `${name}-b`, clock, setup)
        return elsewhere.play(command.command)
      case 'restart': {
        if (!setup.restarts || !(await isQuiet()) || !((await elsewhere?.isQuiet()) ?? true)) return 'not asked'
        gone.push(...(await side.events()))
        await listener?.upTo(gone.length)
        await listener?.close()
        await store.restart()
        await again()
        return elsewhere?.again()
      }
      case 'together':
        return Promise.all(command.commands.map((one) => settle(play(one))))
    }
  }

  async function isQuiet(): Promise<boolean> {
    const isLimited = setup.limiter !== undefined || (await side.queue.getGlobalRateLimit()) !== null || (await side.queue.getRateLimitTtl()) > 0
    return !isLimited && (ranges.active ?? []).length === 0
  }

  async function again(): Promise<void> {
    for (const id of jobs.keys()) jobs.set(id, await held(id))
    if (listener !== undefined) listener = await listener.anew(gone.length)
  }

  async function extend(id: string, token: string, ms: number): Promise<number> {
    const done = await handle(id).extendLock(token, ms)
    if (done === 1) locks.set(id, clock.now + ms)
    return done
  }

  async function advance(ms: number): Promise<void> {
    clock.now += ms
    await store.advance(ms)
  }

  /** The stream goes with the queue: what it held is kept here. */
  async function obliterate(force: boolean, count: number): Promise<void> {
    const before = await side.events()
    await listener?.upTo(gone.length + before.length)
    try {
      await side.queue.obliterate({ force, count })
    } finally {
      if ((await side.events()).length <= before.length) {
        gone.push(...before)
        // What comes within the same millisecond has an id that is not after the last one of the stream that went.
        listener = await listener?.anew(gone.length)
      }
    }
  }

  async function outcome(id: string): Promise<unknown> {
    if ((await side.queue.getBackend().isFinished(id)) === 0) return 'not asked'
    const events = side.newListener(await side.lastEventId())
    try {
      return await handle(id).waitUntilFinished(events)
    } finally {
      await events.close()
    }
  }

  async function awaited(id: string, happens: () => Promise<unknown>): Promise<unknown> {
    // Not from `$`: that is when Redis is first asked, which nobody can wait for.
    const events = side.newListener(await side.lastEventId())
    try {
      await events.waitUntilReady()
      const waiting = settle(handle(id).waitUntilFinished(events, missedMs))
      const happened = await happens()
      // What did not end the job would be waited for in vain.
      return [happened, Number(await side.queue.getBackend().isFinished(id)) > 0 ? await waiting : 'not asked']
    } finally {
      await events.close()
    }
  }

  return {
    play: (command) => settle(play(command)),
    async look() {
      const lists = await side.queue.getBackend().getRanges([...states], 0, -1, true)
      ranges = Object.fromEntries(states.map((state, i) => [state, lists[i] as string[]]))
      for (const id of Object.values(ranges).flat()) seen(id)
      return elsewhere === undefined ? ranges : { ...ranges, elsewhere: await elsewhere.look() }
    },
    isQuiet,
    again,
    async dump() {
      const each = await Promise.all(
        [...[...ids].slice(0, maxDumped), 'nobody'].map(async (id) => [
          id,
          describe(await side.queue.getJob(id)),
          await side.queue.getJobState(id),
          await side.queue.getBackend().isFinished(id, true),
          await side.queue.getJobLogs(id),
        ]),
      )
      return {
        elsewhere: await elsewhere?.dump(),
        jobs: each,
        counts: await side.queue.getJobCounts(),
        priorities: await side.queue.getCountsPerPriority([0, 1, 2, 3]),
        count: await side.queue.count(),
        paused: await side.queue.isPaused(),
        maxed: await side.queue.isMaxed(),
        meta: await side.queue.getMeta(),
        concurrency: await side.queue.getGlobalConcurrency(),
        limit: await side.queue.getGlobalRateLimit(),
        ttl: roughly(await side.queue.getRateLimitTtl()),
      }
    },
    async events() {
      const all = [...gone, ...(await side.events())]
      await listener?.upTo(all.length)
      return [...all, ...(listener?.heard ?? []), ...((await elsewhere?.events()) ?? [])]
    },
    async close() {
      await listener?.close()
      await elsewhere?.close()
    },
  }
}

/** A server counts down by its own clock while the test runs; what lasts is in steps, and each rest is rounded up to one. */
function roughly(ms: number): number {
  return ms > 0 ? Math.ceil(ms / stepMs) * stepMs : ms
}

/** A result, or the error as a caller can tell it. */
async function settle(result: Promise<unknown>): Promise<unknown> {
  try {
    return { result: await result }
  } catch (error) {
    const { name, message, code } = error as Error & { code?: unknown }
    return { error: { name, message, code } }
  }
}

/** Its stack is the same wherever it is made. */
export function failure(message: string, final: boolean): Error {
  const error = final ? new UnrecoverableError(message) : new Error(message)
  error.stack = `${error.name}: ${message}\n    at somewhere`
  return error
}
