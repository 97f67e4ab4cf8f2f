/** The kinds that an agent knows, by name. Built-ins and strangers' kinds come through the same door. */
import { IpdcError } from './errors.ts'
import { type JobKind, namePattern } from './kind.ts'

export type Kinds = ReadonlyMap<string, JobKind>

// biome-ignore lint/suspicious/noExplicitAny: kinds of different jobs stand in one table; each checks its values by its own schema
export function kindsOf(list: readonly JobKind<any, any, any>[]): Kinds {
  const kinds = new Map<string, JobKind>()
  for (const kind of list) {
    if (!namePattern.test(kind.name) || kinds.has(kind.name)) {
      throw new IpdcError('USAGE', { message: `Kind name "${kind.name}" is taken or not of the form ${namePattern.source}` })
    }
    kinds.set(kind.name, kind)
  }
  return kinds
}

/** `mr@1`: what presence announces and a manifest asks for. */
export function labelOf(kind: Pick<JobKind, 'name' | 'version'>): string {
  return `${kind.name}@${kind.version}`
}

/** @throws WRONG_KIND */
export function kindByLabel(kinds: Kinds, label: string): JobKind {
  const kind = kinds.get(label.slice(0, label.lastIndexOf('@')))
  if (kind === undefined || labelOf(kind) !== label) {
    throw new IpdcError('WRONG_KIND', {
      message: `This node does not run ${label} (it runs ${[...kinds.values()].map(labelOf).join(', ')})`,
      hint: 'Update ipdc on this node',
    })
  }
  return kind
}
