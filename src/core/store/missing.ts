/** A block that cannot be had from this store: it never came, or its bytes on disk do not hold any more. Others may have it. */
import { codeOf } from '../errors.ts'

export function isMissing(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'NOT_FOUND' || code === 'BAD_BLOCK'
}
