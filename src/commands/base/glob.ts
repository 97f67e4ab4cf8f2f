/** `*`, `?`, `**`, `[…]` and `{a,b}` in names of files, for whoever quotes them or has a shell that leaves them alone. */
import { filesBelow } from './folder.ts'

const special = /[*?[{]/

export function isGlob(text: string): boolean {
  return special.test(text)
}

/** The folder that a pattern is about: all before its first part that is one. */
export function baseOf(pattern: string): string {
  const parts = pattern.split('/')
  const at = parts.findIndex(isGlob)
  const base = parts.slice(0, at).join('/')
  return base === '' && pattern.startsWith('/') ? '/' : base
}

/** Files that match, as paths below the pattern's folder, sorted. Hidden ones only where the pattern names the dot. */
export async function* matching(pattern: string): AsyncIterable<string> {
  const base = baseOf(pattern)
  const rest = toRegExp(pattern.slice(base.length).replace(/^\/+/, ''))
  const hidden = /(^|\/)\./.test(pattern.slice(base.length))
  for await (const path of filesBelow(base || '.', { hidden })) if (rest.test(path)) yield path
}

/** The whole of a path, `/`-separated. */
export function toRegExp(pattern: string): RegExp {
  let source = ''
  let braces = 0
  for (let at = 0; at < pattern.length; at++) {
    const sign = pattern.charAt(at)
    const set = sign === '[' ? /^\[([!^]?)(\]?[^\]]*)\]/.exec(pattern.slice(at)) : null
    if (set !== null) {
      const [all = '', not, members = ''] = set
      source += `[${not ? '^/' : ''}${members.replace(/[\\\]^]/g, '\\$&')}]`
      at += all.length - 1
    } else if (pattern.startsWith('**/', at)) {
      source += '(?:[^/]+/)*'
      at += 2
    } else if (pattern.startsWith('**', at)) {
      source += '.*'
      at += 1
    } else if (sign === '*') source += '[^/]*'
    else if (sign === '?') source += '[^/]'
    else if (sign === '{' && pattern.includes('}', at)) {
      source += '(?:'
      braces++
    } else if (sign === '}' && braces > 0) {
      source += ')'
      braces--
    } else if (sign === ',' && braces > 0) source += '|'
    else source += sign.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  }
  return new RegExp(`^${source}${')'.repeat(braces)}$`, 'u')
}
