/**
 * Counts claims in TAP: a claim is a subtest that holds no other subtests, or a test file that holds none. A subtest that fails
 * by itself while all its parts passed (a timeout, a lost plan) is one more failed claim: nothing fails without a name.
 */
import { Parser, type Result } from 'tap-parser'

export interface Claims {
  readonly passed: number
  /** `file › subtest › subtest`, and what was found instead. */
  readonly failed: readonly { readonly name: string; readonly about: string }[]
  readonly skipped: readonly { readonly name: string; readonly reason: string }[]
}

export const none: Claims = { passed: 0, failed: [], skipped: [] }

/** A subtest as TAP tells it: its own assertions, the subtests in it, and the line that closes it. */
interface Subtest {
  readonly own: Result[]
  readonly parts: Subtest[]
  end?: Result
}

/** Something to write TAP to. `onFile` is called as each test file ends. */
export function claimReader(onFile: (file: string, claims: Claims, seconds: number) => void): Parser {
  const parser = new Parser()
  const end = (file: Subtest) => onFile(file.end?.name ?? '?', claimsOf(file, file.end?.name ?? '?'), (file.end?.time ?? 0) / 1000)
  // A file that dies before it says anything has only its closing line.
  follow(parser, end, (result) => end({ own: [], parts: [], end: result }))
  return parser
}

export function sum(all: readonly Claims[]): Claims {
  return {
    passed: all.reduce((total, { passed }) => total + passed, 0),
    failed: all.flatMap(({ failed }) => failed),
    skipped: all.flatMap(({ skipped }) => skipped),
  }
}

function follow(parser: Parser, onEnd: (part: Subtest) => void, onOwn: (result: Result) => void): void {
  const open: Subtest[] = []
  parser.on('child', (inner: Parser) => {
    const part: Subtest = { own: [], parts: [] }
    open.push(part)
    follow(
      inner,
      (deeper) => part.parts.push(deeper),
      (result) => part.own.push(result),
    )
  })
  parser.on('assert', (end: Result) => {
    // The line that closes a subtest stands right after it. Of a skipped one there is only that line, as of a skipped assertion.
    const part = open.pop()
    if (part !== undefined) onEnd({ ...part, end })
    else if (end.skip !== false || end.todo !== false) onEnd({ own: [], parts: [], end })
    else onOwn(end)
  })
}

function claimsOf({ own, parts, end }: Subtest, name: string): Claims {
  const inner = sum(parts.map((part) => claimsOf(part, `${name} › ${part.end?.name ?? '?'}`)))
  const wrong = own.filter(({ ok }) => !ok)
  if (wrong.length > 0) return sum([inner, { ...none, failed: [{ name, about: wrong.map(aboutOf).join('\n') }] }])
  if (end?.ok !== true) return inner.failed.length > 0 ? inner : sum([inner, { ...none, failed: [{ name, about: aboutOf(end) }] }])
  // A test file that asserts nothing cannot fail: a defect, not a pass.
  if (end.skip === 'no tests found') return { ...none, failed: [{ name, about: 'no tests found' }] }
  if (end.skip !== false || end.todo !== false) return { ...none, skipped: [{ name, reason: reasonOf(end) }] }
  return parts.length > 0 ? inner : { ...none, passed: 1 }
}

function reasonOf({ skip, todo }: Result): string {
  if (todo !== false) return `to do${todo === true ? '' : `: ${todo}`}`
  return skip === true ? 'no reason given' : String(skip)
}

function aboutOf(result: Result | undefined): string {
  if (result === undefined) return 'it never ended'
  const { at, diff, stack, found, wanted, exitCode, signal, ...rest } = (result.diag ?? {}) as Record<string, unknown>
  const place = at as { fileName?: string; lineNumber?: number } | undefined
  const lines = [
    `${result.name}${place?.fileName === undefined ? '' : ` (${place.fileName}:${place.lineNumber})`}`,
    diff,
    diff === undefined && wanted !== undefined ? `wanted ${JSON.stringify(wanted)}, found ${JSON.stringify(found)}` : undefined,
    typeof stack === 'string' ? stack.split('\n').filter(Boolean).slice(0, 6).join('\n') : undefined,
    exitCode === undefined ? undefined : `exit status ${exitCode}, signal ${signal}`,
    'expired' in rest ? `it timed out: ${rest.expired}` : undefined,
  ]
  return lines.filter((line) => line !== undefined).join('\n')
}
