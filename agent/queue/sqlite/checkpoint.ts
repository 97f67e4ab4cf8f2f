/**
 * Empties the log into the database. The order is the law: the log is on disk before the database is written, the database is on
 * disk before the log is given up, and the log says so on disk before it is written anew. No commit may come in between.
 */
import type { DatabaseSync } from 'node:sqlite'
import { SqliteQueueError } from './errors.ts'
import type { Syncs } from './sync.ts'
import type { Wal } from './wal.ts'

export interface Checkpoint {
  /** Where it stands. `none`: commits may come. `database`: its pages are written, and maybe not on disk. `reset`: they are. */
  readonly stage: 'none' | 'database' | 'reset'
  /** Goes on where it failed before. */
  run(): Promise<void>
}

/** `wal` tells what the log holds; the syncs are of the same file. */
export function createCheckpoint(db: DatabaseSync, wal: Wal, syncs: Syncs): Checkpoint {
  let stage: Checkpoint['stage'] = 'none'

  return {
    get stage() {
      return stage
    },
    async run() {
      if (stage === 'none') {
        await syncs.log()
        wal.look()
        if (wal.frames === 0) return
        writePages(db)
        stage = 'database'
      }
      if (stage === 'database') {
        await syncs.database()
        stage = 'reset'
      }
      await syncs.reset()
      wal.restarted()
      stage = 'none'
    },
  }
}

/** Only writes; with synchronous=NORMAL SQLite would sync, here, on the event loop. */
function writePages(db: DatabaseSync): void {
  db.exec('PRAGMA synchronous=OFF')
  try {
    const said = db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()
    if (said?.busy !== 0 || said.log !== said.checkpointed) {
      throw new SqliteQueueError('IO', `SQLite wrote ${said?.checkpointed} of ${said?.log} pages of the log into the database`)
    }
  } finally {
    db.exec('PRAGMA synchronous=NORMAL')
  }
}
