/** What is counted when nobody says what. */
import { relative } from 'node:path'
import { type Input, pipedInput, readInputs } from '../../../commands/base/inputs.ts'
import { samplePath } from '../../../core/client/package.ts'

/** The inputs named; else standard input where it is a pipe or a file; else the text that comes with ipdc, and a line that says so. */
export async function chooseInputs(names: readonly string[], say: (line: string) => void): Promise<Input[]> {
  if (names.length > 0) return readInputs(names)
  const piped = pipedInput()
  if (piped !== undefined) {
    say('No INPUT: reading standard input')
    return [piped]
  }
  const sample = samplePath()
  say(`No INPUT: counting the words of ${shortest(sample)}. Yours: ipdc mr wordcount FILE, or a folder, or … | ipdc mr wordcount`)
  return readInputs([sample])
}

function shortest(path: string): string {
  const below = relative(process.cwd(), path)
  return below.startsWith('..') ? path : below
}
