/** The store as `coordinate` sees it: on the submitting node, what is made is pinned for the job, what is missing is fetched from its holders. */
import type { JobId, JobStore, NodeId } from '../src/core/kind.ts'
import type { Store } from '../src/core/ports.ts'
import type { Reader } from '../src/core/transfer/fetch.ts'
import { pinOf } from './jobs.ts'

export interface JobStoreOptions {
  readonly job: JobId
  readonly self: NodeId
  readonly store: Store
  readonly reader: Reader
  readonly signal: AbortSignal
}

export function createJobStore({ job, self, store, reader, signal }: JobStoreOptions): JobStore {
  const options = (name: string | undefined) => ({ signal, pin: pinOf(job, self), ...(name === undefined ? {} : { name }) })
  return {
    cat: (address, offset, length) => reader.cat(address, { signal, ...(offset === undefined ? {} : { offset }), ...(length === undefined ? {} : { length }) }),
    ls: (address) => reader.ls(address, { signal }),
    addBytes: (bytes, name) => store.addFile(bytes, options(name)),
    addTree: (entries, name) => store.addTree(entries, options(name)),
    link: (artifacts, name) => store.link(artifacts, options(name)),
  }
}
