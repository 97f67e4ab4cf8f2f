/**
 * What is found at open. What was active has lost its worker: it waits again, in front, the longest active first, counted as stalled once.
 * Whether that is once too often is decided by the worker that claims it, since only workers know `maxStalledCount`.
 */
import type { Row, Sql } from './file.ts'
import { createQueue, type Queue } from './queue.ts'
import { ACTIVE, COMPLETED, DELAYED, FAILED, PRIORITIZED, type State, WAIT } from './schema.ts'

export function recover(sql: Sql): Queue[] {
  const now = Date.now()
  const queues = new Map<number, Queue>()
  for (const row of sql.all('SELECT q, name, ids, events, limited FROM queue')) queues.set(Number(row.q), queueOf(row, now))
  for (const { q, field, value } of sql.all('SELECT q, field, value FROM meta WHERE q > 0')) queues.get(Number(q))?.meta.set(String(field), String(value))
  for (const queue of queues.values()) queue.events.max = Number(queue.meta.get('opts.maxLenEvents')) || queue.events.max
  count(sql, queues)
  if (sql.run("DELETE FROM meta WHERE q = 0 AND field = 'closed'").changes === 0) sweep(sql)
  requeue(sql, queues)
  return [...queues.values()]
}

function queueOf(row: Row, now: number): Queue {
  const queue = createQueue(String(row.name))
  queue.q = Number(row.q)
  queue.ids = queue.keptIds = Number(row.ids)
  queue.keptEvents = Number(row.events)
  queue.events.startAt(queue.keptEvents)
  // How much of the window was used is not known: it counts as used up.
  if (Number(row.limited) > now) queue.limiter = { used: Number.MAX_SAFE_INTEGER, until: Number(row.limited) }
  return queue
}

function count(sql: Sql, queues: Map<number, Queue>): void {
  for (const row of sql.all('SELECT q, state, count(*) AS count, min(a) AS low, max(a) AS high, max(b) AS place FROM job GROUP BY q, state')) {
    const queue = queues.get(Number(row.q))
    if (queue === undefined) continue
    const state = Number(row.state) as State
    queue.counts[state] = Number(row.count)
    switch (state) {
      case WAIT:
        queue.front = Number(row.low)
        queue.back = Number(row.high)
        break
      case PRIORITIZED:
        queue.newestPlace = Number(row.place)
        break
      case DELAYED:
        queue.due = Number(row.low)
        break
      case ACTIVE:
      case COMPLETED:
      case FAILED:
    }
  }
}

function requeue(sql: Sql, queues: Map<number, Queue>): void {
  // Last come, first put: each goes before all others.
  const orphans = sql.all(`SELECT n, q, id FROM job WHERE state = ${ACTIVE} ORDER BY started DESC, n DESC`)
  for (const { n, q, id } of orphans) {
    const queue = queues.get(Number(q))
    if (queue === undefined || n === undefined) continue
    queue.front -= 1
    sql.run(`UPDATE job SET state = ${WAIT}, a = ?, b = NULL, stalls = stalls + 1, orphan = 1 WHERE n = ?`, queue.front, n)
    queue.counts[ACTIVE] -= 1
    queue.counts[WAIT] += 1
    queue.orphans.unshift(String(id))
    queue.events.append('waiting', String(id), 'active')
    queue.events.append('stalled', String(id))
  }
}

/** Bodies whose jobs are gone: a crash came before they were swept. They are where numbers of jobs leave gaps. */
function sweep(sql: Sql): void {
  const gaps = sql.all('SELECT before, n FROM (SELECT lag(n, 1, 0) OVER (ORDER BY n) AS before, n FROM job) WHERE n > before + 1')
  for (const { before, n } of gaps) sql.run('DELETE FROM body WHERE n > ? AND n < ?', before ?? 0, n ?? 0)
  sql.run('DELETE FROM body WHERE n > (SELECT coalesce(max(n), 0) FROM job)')
}
