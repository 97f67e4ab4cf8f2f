/** Why a node takes nothing, or less than it could: a small closed set of words, which travel, and what people read of each. */

export const reasons = {
  draining: 'it is about to stop',
  paused: 'it is paused',
  'no slots': 'it was given no slots',
  'queue broken': 'its queue cannot be written',
  'outbox full': 'its results wait for their coordinators',
  disk: 'its disk is nearly full',
  memory: 'it is short of memory',
  load: 'its processors do other work',
  full: 'all its places are taken',
} as const satisfies Record<string, string>

export type Reason = keyof typeof reasons

/** As words of a sentence about several nodes: `2 are full`. */
const ofMany: Record<Reason, readonly [one: string, many: string]> = {
  draining: ['is about to stop', 'are about to stop'],
  paused: ['is paused', 'are paused'],
  'no slots': ['has no slots', 'have no slots'],
  'queue broken': ['has a broken queue', 'have a broken queue'],
  'outbox full': ['has a full outbox', 'have a full outbox'],
  disk: ['has no disk space', 'have no disk space'],
  memory: ['has no memory', 'have no memory'],
  load: ['is busy with other work', 'are busy with other work'],
  full: ['is full', 'are full'],
}

export function isReason(value: unknown): value is Reason {
  return typeof value === 'string' && Object.hasOwn(reasons, value)
}

/** `3 nodes are full, 1 has no memory`: the most first. Empty where none is given. */
export function sentenceOf(given: Iterable<Reason>): string {
  const counts = new Map<Reason, number>()
  for (const reason of given) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count], at) => {
      const who = at === 0 ? `${count} ${count === 1 ? 'node' : 'nodes'}` : String(count)
      return `${who} ${ofMany[reason][count === 1 ? 0 : 1]}`
    })
    .join(', ')
}
