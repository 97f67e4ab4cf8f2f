import t from 'tap'
import { createMemoryQueue } from '../../../agent/queue/memory.ts'
import { conformance } from '../../conformance/queue.ts'

conformance(t, { open: async (_t, limit) => createMemoryQueue({ limit }) })
