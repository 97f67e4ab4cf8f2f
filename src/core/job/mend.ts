/**
 * The store of a job's `coordinate`, for which lost inputs are made again: what it reads comes whole, however many nodes died
 * that held it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Cid } from '../cids.ts'
import { codeOf, type IpdcError } from '../errors.ts'
import type { Entry, JobStore } from '../kind.ts'
import { maxCharged, pauseMs } from './retry.ts'

export interface MendOptions {
  /** Resolves when the tasks that made it have done so again; false when no task can. */
  readonly remake: (cid: Cid) => Promise<boolean>
  readonly signal: AbortSignal
}

/** Does it again after each loss. @throws INPUT_LOST when nobody holds it and no task can make it, even after some pauses */
export type Mend = <T>(read: () => Promise<T>) => Promise<T>

export function createMend({ remake, signal }: MendOptions): Mend {
  return async (read) => {
    for (let failures = 0; ; ) {
      try {
        return await read()
      } catch (error) {
        const cid = codeOf(error) === 'INPUT_LOST' ? (error as IpdcError).cid : undefined
        if (cid === undefined || signal.aborted) throw error
        if (await remake(cid)) continue
        // No task made it: perhaps its holder comes back.
        if (++failures >= maxCharged) throw error
        await delay(pauseMs(failures), undefined, { signal })
      }
    }
  }
}

/** `store`, mended. */
export function mended(store: JobStore, mend: Mend): JobStore {
  return {
    addBytes: (bytes, name) => store.addBytes(bytes, name),
    addTree: (entries, name) => store.addTree(entries, name),
    link: (artifacts, name) => mend(() => store.link(artifacts, name)),
    async *cat(address, offset = 0, length = Number.POSITIVE_INFINITY) {
      let at = 0
      const from = () => store.cat(address, offset + at, ...(length === Number.POSITIVE_INFINITY ? [] : [length - at]))[Symbol.asyncIterator]()
      for (let reading = from(); ; ) {
        const step = await mend(() =>
          reading.next().catch((error: unknown) => {
            reading = from()
            throw error
          }),
        )
        if (step.done === true) return
        at += step.value.length
        yield step.value
      }
    },
    async *ls(address) {
      const entries = await mend(async () => {
        const all: Entry[] = []
        for await (const entry of store.ls(address)) all.push(entry)
        return all
      })
      yield* entries
    },
  }
}
