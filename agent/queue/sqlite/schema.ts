/**
 * The tables. What changes at each step of a job is a narrow row (`job`), apart from what is written once (`body`) and from
 * what most jobs never have (`more`, `log`): so that a step dirties few small pages, and an SD card lives longer.
 */

/** States of a job; one number each in `job.state`. What is active is in no order: it is in memory, and an orphan once we are gone. */
export const WAIT = 0
export const ACTIVE = 1
export const PRIORITIZED = 2
export const DELAYED = 3
export const COMPLETED = 4
export const FAILED = 5
export type State = 0 | 1 | 2 | 3 | 4 | 5

/** As BullMQ names its keys and the `prev` of its events. */
export const stateNames = ['wait', 'active', 'prioritized', 'delayed', 'completed', 'failed'] as const

const states: Record<string, State> = {
  wait: WAIT,
  waiting: WAIT,
  active: ACTIVE,
  prioritized: PRIORITIZED,
  delayed: DELAYED,
  completed: COMPLETED,
  failed: FAILED,
}

/** The state of this name; undefined where no job ever is: `paused`, `waiting-children`, `repeat`. */
export function stateOf(name: string): State | undefined {
  return Object.hasOwn(states, name) ? states[name] : undefined
}

/** A job's number is its queue's number times this, plus its count in the queue: so the id that a queue gives needs no index. */
export const perQueue = 2 ** 40
/** Numbers stay whole in JavaScript. */
export const maxQueues = 2 ** 13 - 1

/** The smallest pages there are: a group of steps writes whole pages, and so little more than it changes. */
export const pageSize = 512

/**
 * `job.a`, `job.b`: where it stands in its state. wait: position; prioritized: priority, position; delayed: due (ms), position;
 * completed and failed: finished (ms). Equal ones go by id, as in a Redis sorted set. `own`: 1 where the id was given by the user.
 * `queue.ids`, `queue.events`: no id below was ever given; ahead of the truth, so that they are rarely written.
 */
export const schema: readonly string[] = [
  `CREATE TABLE queue (q INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, ids REAL NOT NULL, events REAL NOT NULL, limited REAL NOT NULL);
   CREATE TABLE meta (q INTEGER, field TEXT, value TEXT NOT NULL, PRIMARY KEY (q, field)) WITHOUT ROWID;
   CREATE TABLE job (n INTEGER PRIMARY KEY, q INTEGER NOT NULL, state INTEGER NOT NULL, a REAL, b REAL, id TEXT NOT NULL, own INTEGER,
     ts REAL NOT NULL, delay REAL NOT NULL, prio REAL NOT NULL, made INTEGER NOT NULL DEFAULT 0, begun INTEGER NOT NULL DEFAULT 0,
     stalls INTEGER NOT NULL DEFAULT 0, orphan INTEGER, started REAL, worker TEXT, logs INTEGER NOT NULL DEFAULT 0);
   CREATE INDEX place ON job (q, state, a, b) WHERE a IS NOT NULL;
   CREATE UNIQUE INDEX own ON job (q, id) WHERE own = 1;
   CREATE TABLE body (n INTEGER PRIMARY KEY, name TEXT NOT NULL, data TEXT NOT NULL, opts TEXT NOT NULL);
   CREATE TABLE more (n INTEGER PRIMARY KEY, progress TEXT, returnvalue TEXT, failedReason TEXT, stacktrace TEXT, deferred TEXT);
   CREATE TABLE log (n INTEGER, i INTEGER, line TEXT NOT NULL, PRIMARY KEY (n, i)) WITHOUT ROWID;`,
]
