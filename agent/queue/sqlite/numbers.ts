/** Numbers as callers give them: those that Redis refuses are refused, before anything is done, in words that say which. */

/** @throws RangeError NaN, Infinity */
export function finite(name: string, value: number): number {
  if (!Number.isFinite(value)) throw new RangeError(`${name} is ${value}: a number is needed`)
  return value
}

/** @throws RangeError what is less, or no whole number */
export function whole(name: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least) throw new RangeError(`${name} is ${value}: a whole number from ${least} is needed`)
  return value
}
