/**
 * Names of jobs and tasks. A job's is new each time. A task's says what it is, never when or where it was asked for: so a
 * `coordinate` that runs again after a restart asks for the same names, and the journal answers.
 */
import { hash, randomBytes } from 'node:crypto'
import { IpdcError } from '../errors.ts'
import { type JobId, namePattern } from '../kind.ts'

/** Letters of base32 that stand for a task without an id: 130 bits. */
const hashLetters = 26
const maxIdLength = 120
const letters = 'abcdefghijklmnopqrstuvwxyz234567'

/** `label-` and 8 letters by chance. @throws USAGE a label that is no name */
export function nameJob(label: string, isTaken: (id: JobId) => boolean): JobId {
  for (;;) {
    const id = `${label.slice(0, 50)}-${base32(randomBytes(5))}`
    if (!namePattern.test(id)) throw new IpdcError('USAGE', { message: `Not a label for a job: ${JSON.stringify(label.slice(0, 200))}` })
    if (!isTaken(id)) return id
  }
}

/** `stage/id`, or `stage/` and a hash of the canonical task; `~2` for its second occurrence. @throws USAGE an id that is no name */
export function nameTask(stage: string, body: Uint8Array, id: string | undefined, isTaken: (name: string) => boolean): string {
  if (id !== undefined && (!/^[\x21-\x7d]+$/.test(id) || id.length > maxIdLength)) {
    throw new IpdcError('USAGE', {
      message: `A task's id has 1 to ${maxIdLength} characters of ASCII without blanks and "~": ${JSON.stringify(id.slice(0, 200))}`,
    })
  }
  const name = `${stage}/${id ?? hashOf(body)}`
  if (!isTaken(name)) return name
  for (let occurrence = 2; ; occurrence++) if (!isTaken(`${name}~${occurrence}`)) return `${name}~${occurrence}`
}

function hashOf(body: Uint8Array): string {
  return base32(hash('sha256', body, 'buffer')).slice(0, hashLetters)
}

export function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = (value << 8) | byte
    bits += 8
    for (; bits >= 5; bits -= 5) text += letters[(value >>> (bits - 5)) & 31]
    value &= (1 << bits) - 1
  }
  return bits > 0 ? text + letters[(value << (5 - bits)) & 31] : text
}
