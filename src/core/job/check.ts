/** Checks what comes from outside against a schema, of whatever maker. */
import { IpdcError } from '../errors.ts'
import type { Schema, SchemaResult } from '../kind.ts'

/** Stays synchronous where the schema does. @throws BAD_DATA */
export function check<T>(schema: Schema<T>, value: unknown, what: string): T | Promise<T> {
  const result = schema['~standard'].validate(value)
  return result instanceof Promise ? result.then((result) => outputOf(result, what)) : outputOf(result, what)
}

function outputOf<T>(result: SchemaResult<T>, what: string): T {
  if (result.issues === undefined) return result.value
  const [first] = result.issues
  const path = (first?.path ?? []).map((part) => String(part !== null && typeof part === 'object' && 'key' in part ? part.key : part)).join('.')
  throw new IpdcError('BAD_DATA', { message: `Not a usable ${what}${path === '' ? '' : ` at ${path}`}: ${first?.message ?? 'refused by its schema'}` })
}
