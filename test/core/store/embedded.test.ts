/** The embedded store as a Store. What is particular to it has tests of its own beside this one. */
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { silent } from '../../../src/core/log.ts'
import { createEmbeddedStore } from '../../../src/core/store/embedded.ts'
import { conformance } from '../../conformance/store.ts'
import { folder } from './folder.ts'

const open = (path: string) => createEmbeddedStore({ path, limit: 2 ** 30, log: silent, segmentBytes: 4 << 20 })

conformance(t, {
  open: async (t) => open(join(await folder(t), 'store')),
  reopen: async (t, store) => {
    // What a process that dies leaves behind: its files as they are, its lock held by nobody.
    const left = join(await folder(t), 'left')
    await cp((await store.info()).path, left, { recursive: true })
    await rm(join(left, 'lock'))
    await store.close()
    return open(left)
  },
})
