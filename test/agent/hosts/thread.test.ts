import t from 'tap'
import { createThreads } from '../../../agent/hosts/thread.ts'
import { conformance } from '../../conformance/host.ts'

conformance(t, { open: () => createThreads({ entry: new URL('../../fixtures/host/thread-entry.ts', import.meta.url) }) })
