/** An error as people and programs read it. Both on stderr: stdout holds data or nothing. */
import { codeOf, IpdcError, rowOf, toFailure } from '../../core/errors.ts'
import type { Failure } from '../../core/kind.ts'
import { nearest } from './nearest.ts'
import type { Screen } from './screen.ts'

/**
 *   Error NO_INPUT No file "bok.txt"
 *   Cause ENOENT: no such file or directory
 *   Try: book.txt
 */
export function failureText(error: unknown, paint: Screen['paint']): string {
  const { code, message, hint } = toFailure(error)
  const cause = causeOf(error)
  return [
    // Who pressed ^C got what they wanted.
    code === 'INTERRUPTED' ? message : `${paint.red(`Error ${paint.bold(code)}`)} ${message}`,
    ...(cause !== undefined && !message.includes(cause) ? [`${paint.dim('Cause')} ${cause}`] : []),
    ...(hint === undefined ? [] : [`${paint.dim('Try:')} ${hint}`]),
  ].join('\n')
}

/** `{"error":{"code","message","hint"}}` */
export function failureJson(error: unknown): { error: Failure } {
  return { error: toFailure(error) }
}

export function exitOf(error: unknown): number {
  return rowOf(toFailure(error).code).exit
}

/** Options of the plan that this version does not have: refused by their names, so that nobody believes them kept. */
const planned: Readonly<Record<string, string>> = {
  '--quorum': 'a quorum of nodes for each result',
  '--no-cache': 'reuse of results of earlier jobs, which this would turn off,',
  '--twins': 'a twin for a slow task',
}

/** oclif's word on a command line that does not parse, in our form; any other error as it is. */
export function fromOclif(error: unknown, command: string, flags: readonly string[]): unknown {
  const { oclif, message = '', hint, flags: unknown } = error as { oclif?: object; message?: string; hint?: string; flags?: string[] }
  // An error of ours that a flag's parser threw has gone through its hands, too.
  if (codeOf(error) !== undefined ? !message.startsWith('Parsing -') : oclif === undefined) return error
  const missing = unknown?.find((flag) => Object.hasOwn(planned, flag))
  if (missing !== undefined) return new IpdcError('NOT_OFFERED', { message: `${missing}: ${planned[missing]} is not offered by this version of ipdc` })
  const meant = unknown?.flatMap((flag) => nearest(flag.replace(/^-+/, ''), flags) ?? [])[0]
  return new IpdcError('USAGE', { message: plain(message), hint: hint ?? (meant === undefined ? `${command} --help` : `--${meant}`) })
}

/** Without the lines that our hint makes needless, and with the flag in front of what is wrong with it. */
function plain(message: string): string {
  // Each of two flags complains of the other.
  const exclusive = /(--[\w-]+)=.*? cannot also be provided when using (--[\w-]+)/.exec(message)
  if (exclusive !== null) return `${exclusive[1]} and ${exclusive[2]} cannot be given together`
  return message
    .replace(/\s*See more help with --help\s*$/, '')
    .replace(/^The following errors? occurred:\s+/, '')
    .replace(/^Parsing (-\S+)\s+/, '$1: ')
    .replace(/\n+/g, '\n  ')
}

function causeOf(error: unknown): string | undefined {
  const { cause } = error as { cause?: unknown }
  return cause instanceof Error ? cause.message.split('\n')[0] : undefined
}
