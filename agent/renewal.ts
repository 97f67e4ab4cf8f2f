/**
 * Keeps this node a member for as long as it runs, where its home holds the root key: a certificate that grows old is issued anew and told.
 * Looked at each minute, since clocks of boards are set after the start.
 */
import type { Log } from '../src/core/log.ts'
import type { Clock } from '../src/core/ports.ts'
import type { Membership } from './membership.ts'

/** @default 60_000 (ms) */
const lookMs = 60_000

export interface RenewalOptions {
  readonly membership: Pick<Membership, 'renew' | 'root'>
  readonly clock: Clock
  /** There is a new one, to be shown to the others. */
  readonly renewed: () => void
  readonly log: Log
}

export function createRenewal({ membership, clock, renewed, log }: RenewalOptions) {
  let looking: NodeJS.Timeout | undefined

  const look = async () => {
    try {
      if (!(await membership.renew(clock.wall()))) return
      log.info({}, 'certificate renewed')
    } catch (error) {
      // It holds all the same; the next start issues another.
      log.error({ err: error }, 'certificate renewed, but not kept')
    }
    renewed()
  }

  return {
    start(): void {
      if (membership.root !== undefined) looking = setInterval(() => void look(), lookMs)
    },
    stop: (): void => clearInterval(looking),
  }
}
