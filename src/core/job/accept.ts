/** What a job must be to be driven: of a kind that is known here, of its schema, of a size. Asked when it is submitted, and at each start. */
import { encode } from '../cbor.ts'
import { IpdcError } from '../errors.ts'
import type { JobKind } from '../kind.ts'
import { type Kinds, kindByLabel } from '../kinds.ts'
import { check } from './check.ts'
import { readResult } from './hear.ts'
import type { JobRecord } from './journal.ts'
import type { Committed } from './state.ts'

/** A job as submitted, encoded, at most. @default 65_536 (bytes) */
export const maxJobBytes = 65_536

export interface Accepted {
  readonly kind: JobKind
  /** As the kind's schema gives it. */
  readonly value: unknown
}

/** @throws WRONG_KIND, BAD_DATA, TOO_LARGE, INTERNAL the kind's code cannot be loaded */
export async function acceptJob(kinds: Kinds, name: string, job: unknown): Promise<Accepted> {
  const kind = kinds.get(name)
  if (kind === undefined) {
    throw new IpdcError('WRONG_KIND', { message: `This node does not know the kind "${name}" (it knows ${[...kinds.keys()].join(', ')})` })
  }
  const value = await check(kind.schema.job, job, `job of kind "${name}"`)
  const { length } = encode(job)
  if (length > maxJobBytes) throw new IpdcError('TOO_LARGE', { message: `A job of ${length} bytes where at most ${maxJobBytes} are taken` })
  await load(kind)
  return { kind, value }
}

/** Before the job is open: loading code blocks the event loop for longer than anything a job does. */
async function load(kind: JobKind): Promise<void> {
  await kind.coordinate()
}

/** A job of the journal, with its results, which are taken out of the record one by one. @throws WRONG_KIND, BAD_DATA */
export async function acceptRecord(kinds: Kinds, { opened, committed }: JobRecord): Promise<Accepted & { readonly committed: ReadonlyMap<string, Committed> }> {
  const kind = kindByLabel(kinds, opened.kind)
  const value = await check(kind.schema.job, opened.value, `job of kind "${opened.kind}"`)
  await load(kind)
  const results = new Map<string, Committed>()
  for (const [name, { node, term, attempt, result }] of committed) {
    const first = readResult(kind, result, 0)
    const read = 'later' in first ? await first.later : first
    // One that does not pass any more is made again.
    committed.delete(name)
    if ('result' in read) results.set(name, { node, term, attempt, value: read.result.value, cids: read.result.cids })
  }
  return { kind, value, committed: results }
}
