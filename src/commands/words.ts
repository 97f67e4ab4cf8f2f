/** Which commands the words of a command line are about. */
import { IpdcError } from '../core/errors.ts'
import { nearest } from './base/nearest.ts'

/**
 * One id for a command, those of a topic for a topic, all for neither.
 * @throws USAGE for words that no command begins with, naming what was most likely meant
 */
export function commandsMeant(argv: readonly string[], ids: readonly string[]): readonly string[] {
  const end = argv.findIndex((word) => word.startsWith('-'))
  const words = end === -1 ? argv : argv.slice(0, end)
  let meant = ids
  for (let count = 1; count <= words.length; count++) {
    const id = words.slice(0, count).join(':')
    // What follows a command are its arguments.
    if (ids.includes(id)) return [id]
    meant = ids.filter((other) => other.startsWith(`${id}:`))
    if (meant.length === 0) throw unknown(words.slice(0, count), words, ids)
  }
  return meant
}

function unknown(said: readonly string[], words: readonly string[], ids: readonly string[]): IpdcError {
  const asWords = (count: number) => ids.map((id) => id.split(':').slice(0, count).join(' '))
  const near = nearest(said.join(' '), asWords(said.length)) ?? nearest(words.slice(0, 2).join(' '), asWords(2))
  const topic = said.slice(0, -1).map((word) => `${word} `)
  return new IpdcError('USAGE', {
    message: `There is no command "ipdc ${said.join(' ')}"`,
    hint: near === undefined ? `ipdc ${topic.join('')}--help` : `ipdc ${near}`,
  })
}
