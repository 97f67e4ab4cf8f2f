/** The events of the queue, read and written from outside. */
import type { IQueueBackend } from 'bullmq'
import type { Connection } from './connection.ts'

type Part = Pick<IQueueBackend, 'readEvents' | 'publishEvent' | 'trimEvents'>

export function listening(connection: Connection): Part {
  const { queue, run } = connection
  return {
    async readEvents(id, blockTimeout) {
      if (connection.ended.aborted) return connection.rest(blockTimeout).then(() => null)
      const entries = await queue.events.read(id, blockTimeout, connection.disconnected)
      return entries === null ? null : [[`${queue.name}:events`, entries]]
    },
    async publishEvent(fields, maxEvents) {
      const flat = Object.entries(fields).flatMap(([name, value]) => [name, String(value)])
      let id = ''
      await run(({ sql }) => {
        // By itself, since its id is the answer.
        sql.after(() => {
          id = queue.events.append('custom', undefined, flat)
          queue.events.wake()
          queue.events.trim(maxEvents)
        })
      })
      return id
    },
    trimEvents: (maxLength) => {
      let gone = 0
      return run(({ sql }) => sql.after(() => (gone = queue.events.trim(maxLength)))).then(() => gone)
    },
  }
}
