/** What may happen once only: words of members that hold for a while, each with a number of its own. Bounded: when it is full, none is taken. */
import { IpdcError } from '../errors.ts'

/** Remembered at once. @default 1_000 */
const maxKept = 1_000

export interface Once {
  /** @throws BAD_SIGNATURE it was used before; BUSY too many at once */
  use(nonce: string, exp: number, wall: number): void
}

export function createOnce(max = maxKept): Once {
  const used = new Map<string, number>()
  return {
    use(nonce, exp, wall) {
      for (const [old, until] of used) if (until < wall) used.delete(old)
      if (used.has(nonce)) throw new IpdcError('BAD_SIGNATURE', { message: 'This request was made before' })
      if (used.size >= max) throw new IpdcError('BUSY', { message: `More than ${max} requests within a minute`, hint: 'Try again in a minute' })
      used.set(nonce, exp)
    },
  }
}
