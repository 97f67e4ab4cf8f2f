/**
 * What this node keeps for jobs: pins, state folders, cached blocks. At `job.close` all of it goes; a job that was not heard of
 * for a day is asked about. The pin's name says whose job it is, so a restarted agent knows whom to ask.
 */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobId, Ms, NodeId } from '../src/core/kind.ts'
import type { Log } from '../src/core/log.ts'
import type { Clock, Store } from '../src/core/ports.ts'

/** @default 24 h (ms) */
export const askAfterMs: Ms = 24 * 3_600_000

/** The name of the pins that one job has on a node. */
export const pinOf = (job: JobId, coordinator: NodeId): string => `job/${job}/${coordinator}`

/** What holds the result of a job on the node that submitted it. */
export const resultPin = (job: JobId): string => `result/${job}`

interface Kept {
  readonly job: JobId
  readonly coordinator: NodeId
  heard: Ms
}

export interface JobsOptions {
  readonly store: Store
  readonly states: string
  readonly clock: Clock
  readonly log: Log
  /** Nothing runs and nothing is coordinated here: the time to collect. */
  readonly isIdle: () => boolean
}

export async function openJobs({ store, states, clock, log, isIdle }: JobsOptions) {
  /** By the name of its pins, so that nobody can speak for the job of another. */
  const kept = new Map<string, Kept>()
  let collecting: Promise<unknown> | undefined
  let isDue = false
  const stop = new AbortController()

  for await (const { name } of store.pins()) {
    const [what, job, coordinator] = name.split('/')
    if (what === 'job' && job !== undefined && coordinator !== undefined) kept.set(name, { job, coordinator, heard: clock.now() })
  }
  const isKept = (job: JobId) => [...kept.values()].some((entry) => entry.job === job)

  const collect = () => {
    if (!isDue || collecting !== undefined || !isIdle() || stop.signal.aborted) return
    isDue = false
    collecting = store
      .gc({ signal: stop.signal })
      .then(({ freed }) => log.info({ freed }, 'collected'))
      .catch((error) => log.warn({ err: error }, 'not collected'))
      .finally(() => {
        collecting = undefined
        // What was closed meanwhile is due as well.
        collect()
      })
  }

  return {
    heard(job: JobId, coordinator: NodeId): void {
      kept.set(pinOf(job, coordinator), { job, coordinator, heard: clock.now() })
    },
    /** Removes all that this node kept for this coordinator's job. */
    async close(job: JobId, coordinator: NodeId): Promise<void> {
      const pin = pinOf(job, coordinator)
      kept.delete(pin)
      await store.unpin(pin)
      if (!isKept(job)) await rm(join(states, job), { recursive: true, force: true })
      isDue = true
      collect()
    },
    /** Call when work ended: collects what closed jobs left, if nothing else runs. */
    collect,
    asks: (coordinator: NodeId): JobId[] =>
      [...kept.values()]
        .filter((entry) => entry.coordinator === coordinator && clock.now() - entry.heard > askAfterMs)
        .map(({ job }) => job)
        .slice(0, 64),
    askable: (): Set<NodeId> => new Set([...kept.values()].filter((entry) => clock.now() - entry.heard > askAfterMs).map((entry) => entry.coordinator)),
    async stop(): Promise<void> {
      stop.abort()
      await collecting
    },
    /** State folders of jobs that this node no longer knows. */
    async sweep(): Promise<void> {
      for (const job of await readdir(states).catch(() => [])) if (!isKept(job)) await rm(join(states, job), { recursive: true, force: true })
    },
  }
}

export type Jobs = Awaited<ReturnType<typeof openJobs>>
