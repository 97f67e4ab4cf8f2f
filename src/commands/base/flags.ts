/** Flags that more than one command has, so that they read the same everywhere. */
import * as Flags from '@oclif/core/flags'
import { IpdcError } from '../../core/errors.ts'
import { bytesText, parseBytes } from './amounts.ts'

/** A size in bytes, written `16MiB` or `64k`. */
export const size = Flags.custom<number, { min?: number; max?: number }>({
  helpValue: 'SIZE',
  parse: async (text, _context, { min = 0, max = Number.MAX_SAFE_INTEGER }) => {
    const bytes = parseBytes(text)
    if (bytes < min || bytes > max) throw new IpdcError('USAGE', { message: `${text} is not between ${bytesText(min)} and ${bytesText(max)}` })
    return bytes
  },
})

/** A folder on this machine that a result is written into. */
export const output = Flags.custom<string>({
  char: 'o',
  helpValue: 'DIR',
  description: 'folder for the result files; it is made where there is none [default: ./ipdc-<job>]',
})

export const force = Flags.boolean({ char: 'f', description: 'write into a folder that is not empty' })
