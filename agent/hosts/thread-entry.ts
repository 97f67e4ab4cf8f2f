/** The thread host's inside: built-in kinds, found by name. A thread is never given a path: the agent may be one file. */
import { parentPort } from 'node:worker_threads'
import { kindByLabel, kindsOf } from '../../src/core/kinds.ts'
import { plugins } from '../../src/plugins/index.ts'
import type { FromHost, ToHost } from './channel.ts'
import { host } from './host.ts'

const port = parentPort
if (port === null) throw new Error('thread-entry runs in a worker thread only')
// Node has read it by now.
delete process.env.NODE_COMPILE_CACHE
const kinds = kindsOf(plugins)

host(
  {
    post: (message: FromHost, transfer) => port.postMessage(message, transfer),
    onMessage: (listener: (message: ToHost) => void) => void port.on('message', listener),
  },
  (label) => kindByLabel(kinds, label),
)
