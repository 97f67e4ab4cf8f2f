/** Jobs thrown away: one by id, those of a state that are old enough, what waits, all there is. In steps, so that the event loop stays free. */
import type { IQueueBackend } from 'bullmq'
import type { Access } from './access.ts'
import { findJob, isLocked, type JobRow, removeJob } from './jobs.ts'
import { isPaused } from './queue.ts'
import { ACTIVE, COMPLETED, DELAYED, FAILED, PRIORITIZED, perQueue, type State, stateNames, stateOf, WAIT } from './schema.ts'
import type { Turn } from './turn.ts'

/** Removed by one transaction at most: some milliseconds of work. */
const removedAtOnce = 500

type Part = Pick<IQueueBackend, 'remove' | 'drain' | 'cleanJobsByState' | 'obliterate'>
type Doomed = Pick<JobRow, 'n' | 'id' | 'state'>

export function cleaning(access: Access): Part {
  const { run } = access
  return {
    // There are no children to remove along.
    remove: (jobId) => run((turn) => removeOne(turn, jobId)),
    async drain(delayed) {
      const states: readonly State[] = delayed ? [WAIT, DELAYED, PRIORITIZED] : [WAIT, PRIORITIZED]
      // What is added meanwhile stays.
      const newest = await run(({ queue }) => queue.q * perQueue + queue.ids)
      for (const state of states) while ((await run((turn) => removeAll(turn, doomedOf(turn, state, newest)))) > 0);
    },
    cleanJobsByState: (state, timestamp, limit = 0) => clean(access, state, timestamp, limit > 0 ? limit : Number.POSITIVE_INFINITY),
    obliterate: ({ force, count }) => run((turn) => obliterate(turn, force, Math.min(count, removedAtOnce))),
  }
}

function removeOne(turn: Turn, id: string): number {
  if (isLocked(turn, id)) return 0
  const job = findJob(turn, id)
  if (job === undefined) return 1
  removeJob(turn, job)
  turn.maxEvents()
  turn.say('removed', id, stateNames[job.state])
  return 1
}

function doomedOf({ sql, queue }: Turn, state: State, newest = Number.MAX_SAFE_INTEGER, most = removedAtOnce): Doomed[] {
  const rows = sql.all('SELECT n, id FROM job WHERE q = ? AND state = ? AND a IS NOT NULL AND n <= ? ORDER BY a, b, id LIMIT ?', queue.q, state, newest, most)
  return rows.map(({ n, id }) => ({ n: Number(n), id: String(id), state }))
}

function removeAll(turn: Turn, doomed: readonly Doomed[]): number {
  for (const job of doomed) removeJob(turn, job)
  return doomed.length
}

/** Removes those of a state that are no younger than `timestamp`, and tells their ids, in BullMQ's order. */
async function clean({ run }: Access, name: string, timestamp: number, limit: number): Promise<string[]> {
  const state = stateOf(name)
  const removed: string[] = []
  if (state !== undefined) {
    const candidates = await run((turn) => candidatesOf(turn, state, timestamp, limit))
    for (let at = 0; at < candidates.length; at += removedAtOnce) {
      const step = candidates.slice(at, at + removedAtOnce)
      // Between two steps a job may have gone on.
      removed.push(...(await run((turn) => step.filter((job) => removeIfStill(turn, job)).map(({ id }) => id))))
    }
  }
  return run((turn) => {
    turn.say('cleaned', undefined, String(removed.length))
    return removed
  })
}

function removeIfStill(turn: Turn, { id, state }: Doomed): boolean {
  const job = findJob(turn, id)
  if (job?.state !== state || (state === ACTIVE && isLocked(turn, id))) return false
  removeJob(turn, job)
  return true
}

function candidatesOf(turn: Turn, state: State, timestamp: number, limit: number): Doomed[] {
  const { sql, queue } = turn
  const most = Number.isFinite(limit) ? limit : -1
  if (state === ACTIVE) {
    const held = [...queue.active.keys()].slice(0, most < 0 ? undefined : most)
    const rows = held.filter((id) => !isLocked(turn, id)).flatMap((id) => findJob(turn, id) ?? [])
    return rows.filter(({ started, ts }) => (started ?? ts) <= timestamp).reverse()
  }
  if (state === COMPLETED || state === FAILED) {
    const rows = sql.all('SELECT n, id FROM job WHERE q = ? AND state = ? AND a <= ? ORDER BY a, id LIMIT ?', queue.q, state, timestamp, most)
    return rows.map(({ n, id }) => ({ n: Number(n), id: String(id), state }))
  }
  // Only the first in line, so many as may go, are looked at; the younger of them stay.
  const since = state === PRIORITIZED ? 'ts' : 'coalesce(started, ts)'
  const text = `SELECT n, id, ${since} AS time FROM job WHERE q = ? AND state = ? AND a IS NOT NULL ORDER BY a, b, id LIMIT ?`
  const old = sql.all(text, queue.q, state, most).filter(({ time }) => Number(time) <= timestamp)
  const doomed = old.map(({ n, id }) => ({ n: Number(n), id: String(id), state }))
  return state === WAIT ? doomed.reverse() : doomed
}

/** All jobs and what is known of the queue, `count` jobs a call; 1 while there are more. */
function obliterate(turn: Turn, force: boolean, count: number): number {
  const { queue } = turn
  if (!isPaused(queue)) throw new Error('Cannot obliterate non-paused queue')
  if (queue.counts[ACTIVE] > 0 && !force) throw new Error('Cannot obliterate queue with active jobs')
  let left = count
  const active = [...queue.active].reverse().slice(0, left)
  for (const [id] of active) turn.lock(id, undefined)
  left -= removeAll(
    turn,
    active.map(([id, { n }]) => ({ n, id, state: ACTIVE })),
  )
  for (const state of [DELAYED, COMPLETED, WAIT, PRIORITIZED, FAILED] as const) {
    if (left <= 0) return 1
    left -= removeAll(turn, doomedOf(turn, state, undefined, left))
  }
  if (left <= 0) return 1
  forget(turn)
  return 0
}

/** The queue is as if it had never been; ids begin with 1 again. */
function forget(turn: Turn): void {
  const { sql, queue, litter } = turn
  litter.sweep(sql)
  sql.run('DELETE FROM body WHERE n BETWEEN ? AND ?', queue.q * perQueue, (queue.q + 1) * perQueue - 1)
  for (const field of [...queue.meta.keys()]) turn.setMeta(field, undefined)
  const before = { q: queue.q, ids: queue.ids, keptIds: queue.keptIds }
  sql.run('DELETE FROM queue WHERE q = ?', queue.q)
  Object.assign(queue, { q: 0, ids: 0, keptIds: 0 })
  sql.undo(() => Object.assign(queue, before))
  sql.after(() => {
    litter.forget(before.q)
    queue.events.clear()
  })
  queue.suspects.clear()
  queue.nextLook = 0
}
