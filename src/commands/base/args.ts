/** Arguments that more than one command has. None is ever taken from standard input, as oclif would: what comes there is data. */
import * as Args from '@oclif/core/args'

const ignoreStdin = true

export const job = Args.string({ required: true, ignoreStdin, description: 'job id, or the beginning of one' })

export const address = Args.string({ required: true, ignoreStdin, description: 'a CID, or a CID and a path: bafy…/part-00000' })

/** One that a command may do without. */
export const optional = (description: string) => Args.string({ ignoreStdin, description })

/** Any number of them, at least one. */
export const several = (description: string) => Args.string({ required: true, ignoreStdin, description })
