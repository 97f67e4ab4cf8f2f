/** Order of name bytes, which is not the order of JavaScript's strings: code units of characters beyond U+FFFF sort below U+E000. */
import { breathe } from './turn.ts'

interface Named {
  readonly name: string
}

interface Keyed<T> {
  readonly value: T
  readonly bytes: Buffer
}

/** Sorted or merged between two turns of the event loop, in names. */
const turnNames = 2048

export async function inOrder<T extends Named>(named: readonly T[]): Promise<T[]> {
  const runs: Keyed<T>[][] = []
  for (let at = 0; at < named.length; at += turnNames) {
    if (at > 0) await breathe()
    const run = named.slice(at, at + turnNames).map((value) => ({ value, bytes: Buffer.from(value.name) }))
    runs.push(run.sort((a, b) => Buffer.compare(a.bytes, b.bytes)))
  }
  while (runs.length > 1) {
    const [a = [], b = []] = runs.splice(0, 2)
    runs.push(await merge(a, b))
  }
  return (runs[0] ?? []).map(({ value }) => value)
}

async function merge<T>(a: readonly Keyed<T>[], b: readonly Keyed<T>[]): Promise<Keyed<T>[]> {
  const merged: Keyed<T>[] = []
  let [i, j] = [0, 0]
  while (merged.length < a.length + b.length) {
    const [left, right] = [a[i], b[j]]
    if (left !== undefined && (right === undefined || Buffer.compare(left.bytes, right.bytes) <= 0)) {
      merged.push(left)
      i++
    } else if (right !== undefined) {
      merged.push(right)
      j++
    }
    if (merged.length % turnNames === 0) await breathe()
  }
  return merged
}
