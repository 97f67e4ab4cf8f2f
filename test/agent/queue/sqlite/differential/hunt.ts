/** Runs random sequences on two sides until they differ, and makes the one that shows it short. */
import fc from 'fast-check'
import { mixed, sequences } from './arbitrary.ts'
import type { Sequence } from './command.ts'
import { differenceOf, tell } from './lockstep.ts'
import type { Open } from './side.ts'

export interface Hunt {
  readonly seed: number
  readonly runs: number
  /** Commands of a sequence. @default 50 */
  readonly length?: number
  /** `mixed`: Workers that run several jobs at a time. @default 'ordered' */
  readonly kind?: 'ordered' | 'mixed'
  /** What is found is made short for no longer. @default 60_000 (ms) */
  readonly shrinkMs?: number
}

/** What is found, with the seed and the sequence that show it; none if the sides agree in all runs. */
export async function hunt(left: Open, right: Open, { seed, runs, length = 50, kind = 'ordered', shrinkMs = 60_000 }: Hunt): Promise<string | undefined> {
  let found: { told: string; sequence: Sequence; at: number } | undefined
  const differ = async (sequence: Sequence): Promise<boolean> => {
    // Real time: that of the sequences stands still.
    if (found !== undefined && performance.now() - found.at > shrinkMs) return true
    const difference = await differenceOf(left, right, sequence)
    if (difference === undefined) return true
    found = { told: tell(difference), sequence, at: found?.at ?? performance.now() }
    return false
  }
  const { failed, numShrinks } = await fc.check(fc.asyncProperty(kind === 'mixed' ? mixed(length) : sequences(length), differ), {
    seed,
    numRuns: runs,
    endOnFailure: shrinkMs === 0,
  })
  if (!failed || found === undefined) return undefined
  return `seed ${seed}, made short ${numShrinks} times: ${found.told}\n${JSON.stringify(found.sequence)}`
}
