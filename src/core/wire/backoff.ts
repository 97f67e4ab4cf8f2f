/** How long to wait before a broker is tried again. All nodes lose a broker in the same moment: chance keeps them from coming back in one. */
import type { Ms } from '../kind.ts'

/** The first wait is anything up to this, later ones double. @default 1_000 (ms) */
export const firstMs: Ms = 1_000

/** @default 60_000 (ms) */
export const maxMs: Ms = 60_000

/** A connection that held this long begins the count anew; one that is ended at once, as by a double of this client, does not. @default 5_000 (ms) */
export const steadyMs: Ms = 5_000

/** The wait after `failures` tries in a row without success, for `chance` in [0, 1). */
export function backoffMs(failures: number, chance: number): Ms {
  const longest = Math.min(maxMs, firstMs * 2 ** Math.min(failures, 16))
  const shortest = failures === 0 ? firstMs / 10 : longest / 2
  return shortest + chance * (longest - shortest)
}
